// The Kerf target.
