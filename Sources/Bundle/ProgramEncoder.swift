/// Writes a program as the bytes of a program section: numbers in their shortest form, tables in order, so that equal
/// programs have equal bytes.
public enum ProgramEncoder {
  public static func encode(_ program: Program) -> [UInt8] {
    var sink = ByteSink()
    write(program, to: &sink)
    return sink.bytes
  }

  private static func write(_ program: Program, to sink: inout ByteSink) {
    sink.count(program.expressions.count)
    for expression in program.expressions {
      sink.byte(expression.kind.rawValue)
      sink.signed(expression.a)
      sink.signed(expression.b)
    }
    sink.count(program.slots.count)
    for slot in program.slots { write(slot, to: &sink) }
    sink.count(program.steps.count)
    for step in program.steps { write(step, to: &sink) }
    write(program.inputs, to: &sink)
    write(program.outputs, to: &sink)
    sink.count(program.bodies.count)
    for body in program.bodies { write(body, to: &sink) }
  }

  private static func write(_ slot: Slot, to sink: inout ByteSink) {
    sink.byte(slot.type)
    write(slot.dims, to: &sink)
    switch slot.storage {
    case .arena: sink.byte(0)
    case .weights(let offset, let length):
      sink.byte(1)
      sink.unsigned(offset)
      sink.unsigned(length)
    case .input: sink.byte(2)
    case .alias(let base):
      sink.byte(3)
      sink.signed(Int64(base))
    case .dynamic: sink.byte(4)
    case .host: sink.byte(5)
    }
  }

  private static func write(_ step: Step, to sink: inout ByteSink) {
    write(step.kind, to: &sink)
    write(step.inputs, to: &sink)
    write(step.outputs, to: &sink)
    sink.count(step.attributes.count)
    for attribute in step.attributes { write(attribute, to: &sink) }
    write(step.bodies, to: &sink)
    sink.signed(Int64(step.inPlace))
    sink.string(step.name)
  }

  private static func write(_ kind: Step.Kind, to sink: inout ByteSink) {
    switch kind {
    case .kernel(let operation):
      sink.byte(0)
      sink.unsigned(UInt64(operation))
    case .host(let text):
      sink.byte(1)
      sink.string(text)
    case .conditional: sink.byte(2)
    case .loop(let carried):
      sink.byte(3)
      sink.signed(Int64(carried))
    case .scan(let states, let scanned):
      sink.byte(4)
      sink.signed(Int64(states))
      sink.signed(Int64(scanned))
    }
  }

  private static func write(_ attribute: Step.Attribute, to sink: inout ByteSink) {
    switch attribute {
    case .dimension(let expression):
      sink.byte(0)
      sink.signed(Int64(expression))
    case .int(let value):
      sink.byte(1)
      sink.signed(value)
    case .float(let value):
      sink.byte(2)
      sink.double(value)
    }
  }

  private static func write(_ indices: [Int32], to sink: inout ByteSink) {
    sink.count(indices.count)
    for index in indices { sink.signed(Int64(index)) }
  }

  /// The slot of a squeezed port is written as its complement.
  private static func write(_ ports: [Port], to sink: inout ByteSink) {
    sink.count(ports.count)
    for port in ports {
      sink.string(port.name)
      sink.signed(Int64(port.isSqueezed ? ~port.slot : port.slot))
    }
  }
}
