// IRTests
