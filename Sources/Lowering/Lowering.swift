// The Lowering target.
