// The IR target.
