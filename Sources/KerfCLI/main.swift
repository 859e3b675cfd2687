import ArgumentParser
import Foundation
import Kerf

// A closed pipe is an error of the write, not the end of the process.
signal(SIGPIPE, SIG_IGN)
// The same of a file that may not grow further.
signal(SIGXFSZ, SIG_IGN)
Interruption.endsProcess()
exit(KerfCommand.run(Array(CommandLine.arguments.dropFirst())))
