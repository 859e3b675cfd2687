// The Runtime target.
