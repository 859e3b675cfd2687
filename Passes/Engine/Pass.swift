// The Passes target.
