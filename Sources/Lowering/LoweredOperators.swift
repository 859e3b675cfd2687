/// Operators (with their domain where it is not the default one) that some rule lowers to kernels, sorted. A node of one
/// of them can still run by reference evaluation, where its types or attributes fit no kernel.
package var loweredOperatorNames: [String] {
  (Set(LoweringCatalog.rules.keys).union(LoweringCatalog.quantizedRules.keys)).sorted()
}
