import CSystem

/// What becomes of a process that is told to stop.
public enum Interruption {
  /// Lets SIGINT, SIGTERM and SIGHUP end the process with status 1 and `error: interrupted`, the temporary file of a write
  /// in progress removed. For command-line programs.
  public static func endsProcess() { csystem_stop_on_signals() }
}
