/** Reads the type of an expression from its tree, and notes on the way whatever cannot be right. */
import type {
  CelCall,
  CelComprehension,
  CelConstant,
  CelFunc,
  CelNode,
  CelSelect,
  CelStruct,
  FuncRegistry,
} from './cel-tree.ts'
import type { ExpressionFault } from './expression.ts'
import { didYouMean } from './problem.ts'
import type { Wanted } from './reading.ts'
import { hiddenMembers, type VariableType, variableTypes } from './variables.ts'

export interface CheckOptions {
  readonly functions: FuncRegistry
  readonly wanted: Wanted
  /** True for a pattern that RE2 compiles. */
  readonly isPattern: (pattern: string) => boolean
}

/** `dyn` is what a load cannot know; a variable with members is named `variable`. */
interface Type {
  readonly name: string
  /** Of a list's elements or a map's values. */
  readonly inner?: Type
  readonly members?: string
}

const dyn: Type = { name: 'dyn' }
const bool: Type = { name: 'bool' }
const text: Type = { name: 'string' }
const typeNames = [
  'bool',
  'bytes',
  'double',
  'int',
  'list',
  'map',
  'null_type',
  'string',
  'type',
  'uint',
]
const variableNames = [...Object.keys(variableTypes), 'body', 'facts']
const numbers = ['int', 'uint', 'double']

/** Depth of the tree; a chain such as `a || b || c` is balanced by the parser. */
const depthMax = 128

/** `all`, `exists`, `map` and the like inside each other multiply what an expression costs. */
const macroDepthMax = 1

const memberTypes: Readonly<Record<VariableType, Type>> = {
  string: text,
  int: { name: 'int' },
  texts: { name: 'map', inner: text },
}

export class TypeReader {
  readonly faults: ExpressionFault[] = []
  bodyReadings = 0
  readsFacts = false
  readsHidden = false
  readonly #positions: Readonly<Record<string, number>>
  readonly #options: CheckOptions
  readonly #scopes: Map<string, Type>[] = []
  #depth = 0
  #macroDepth = 0

  constructor(positions: Readonly<Record<string, number>>, options: CheckOptions) {
    this.#positions = positions
    this.#options = options
  }

  typeOf(node: CelNode | undefined): Type {
    const type = this.#operandOf(node)
    if (node === undefined || type.members === undefined) return type
    // Kept whole, it could be read where this check does not see what of it is read.
    return this.#fault(node, `\`${type.members}\` is read by its members`)
  }

  /** The same, where a variable with members may stand: before a `.` or `[`. */
  #operandOf(node: CelNode | undefined): Type {
    if (node === undefined) return dyn
    this.#depth += 1
    try {
      if (this.#depth > depthMax) return this.#fault(node, 'the expression is nested too deep')
      return this.#typeOf(node)
    } finally {
      this.#depth -= 1
    }
  }

  #typeOf(node: CelNode): Type {
    const kind = node.exprKind
    switch (kind.case) {
      case 'constExpr':
        return constantType(kind.value)
      case 'identExpr':
        return this.#ident(node, kind.value.name)
      case 'selectExpr':
        return this.#select(node, kind.value)
      case 'callExpr':
        return this.#call(node, kind.value)
      case 'listExpr':
        return { name: 'list', inner: joined(kind.value.elements.map((each) => this.typeOf(each))) }
      case 'structExpr':
        return this.#struct(node, kind.value)
      case 'comprehensionExpr':
        return this.#comprehension(node, kind.value)
      default:
        return this.#fault(node, 'this version of CEL is not understood')
    }
  }

  #fault(node: CelNode, message: string): Type {
    const offset = this.#positions[String(node.id)] ?? 0
    const isKnown = this.faults.some(
      (fault) => fault.offset === offset && fault.message === message,
    )
    if (!isKnown) this.faults.push({ offset, message })
    return dyn
  }

  #ident(node: CelNode, name: string): Type {
    for (const scope of this.#scopes.toReversed()) {
      const type = scope.get(name)
      if (type !== undefined) return type
    }
    if (name === 'body') {
      this.bodyReadings += 1
      return dyn
    }
    if (name === 'facts') {
      this.readsFacts = true
      return { name: 'map', inner: dyn }
    }
    if (Object.hasOwn(variableTypes, name)) return { name: 'variable', members: name }
    if (typeNames.includes(name)) return { name: 'type' }
    return this.#fault(node, `unknown variable \`${name}\`${didYouMean(name, variableNames)}`)
  }

  #select(node: CelNode, { operand, field, testOnly }: CelSelect): Type {
    const type = this.#member(node, this.#operandOf(operand), field)
    return testOnly ? bool : type
  }

  #member(node: CelNode, operand: Type, field: string): Type {
    if (operand.members !== undefined) {
      const members = variableTypes[operand.members] ?? {}
      const type = Object.hasOwn(members, field) ? members[field] : undefined
      if (type === undefined) {
        const guess = didYouMean(field, Object.keys(members))
        return this.#fault(node, `\`${operand.members}\` has no member \`${field}\`${guess}`)
      }
      if (operand.members === 'request' && hiddenMembers.includes(field)) this.readsHidden = true
      return memberTypes[type]
    }
    if (operand.name === 'map') return operand.inner ?? dyn
    if (operand.name === 'dyn') return dyn
    return this.#fault(node, `${operand.name} has no members`)
  }

  #struct(node: CelNode, { messageName, entries }: CelStruct): Type {
    if (messageName !== '') return this.#fault(node, `there is no message \`${messageName}\``)
    const values = entries.map(({ keyKind, value }) => {
      if (keyKind.case === 'mapKey') this.typeOf(keyKind.value)
      return this.typeOf(value)
    })
    return { name: 'map', inner: joined(values) }
  }

  #comprehension(node: CelNode, value: CelComprehension): Type {
    const range = this.typeOf(value.iterRange)
    if (!['list', 'map', 'dyn'].includes(range.name)) {
      return this.#fault(node, `${range.name} is neither list nor map`)
    }
    if (this.#macroDepth >= macroDepthMax) {
      return this.#fault(node, 'macros such as `all` and `exists` cannot stand inside each other')
    }
    const shadowed = [value.iterVar, value.iterVar2].find((name) => variableNames.includes(name))
    if (shadowed !== undefined) {
      return this.#fault(
        node,
        `\`${shadowed}\` is taken: name the variable of this macro otherwise`,
      )
    }
    const element = range.name === 'list' ? (range.inner ?? dyn) : range.name === 'map' ? text : dyn
    const scope = new Map([[value.iterVar, value.iterVar2 === '' ? element : dyn]])
    if (value.iterVar2 !== '') scope.set(value.iterVar2, dyn)
    scope.set(value.accuVar, this.typeOf(value.accuInit))
    this.#scopes.push(scope)
    this.#macroDepth += 1
    this.typeOf(value.loopCondition)
    this.typeOf(value.loopStep)
    const result = this.typeOf(value.result)
    this.#macroDepth -= 1
    this.#scopes.pop()
    return result
  }

  #call(node: CelNode, call: CelCall): Type {
    if (call.function === '_[_]') return this.#index(node, call)
    const target = call.target === undefined ? null : this.typeOf(call.target)
    const types = call.args.map((each) => this.typeOf(each))
    const [first = dyn, second = dyn, third = dyn] = types
    switch (call.function) {
      case '_?_:_':
        this.#needsBool(node, [first])
        return joined([second, third])
      case '_&&_':
      case '_||_':
      case '!_':
        this.#needsBool(node, types)
        return bool
      case '@not_strictly_false':
        return bool
      case '_==_':
      case '_!=_':
        if (!comparable(first, second)) this.#never(node, call.function, [first, second])
        return bool
      case '@in':
        return this.#in(node, first, second)
      default:
        return this.#function(node, call, target === null ? types : [target, ...types])
    }
  }

  #index(node: CelNode, { args }: CelCall): Type {
    const operand = this.#operandOf(args[0])
    this.typeOf(args[1])
    const key = args[1]?.exprKind
    const constant = key?.case === 'constExpr' ? key.value.constantKind : undefined
    if (operand.members !== undefined) {
      if (constant?.case === 'stringValue') return this.#member(node, operand, constant.value)
      return this.#fault(node, `\`${operand.members}\` is read by its members`)
    }
    if (['list', 'map', 'dyn'].includes(operand.name)) return operand.inner ?? dyn
    return this.#fault(node, `${operand.name} has no elements`)
  }

  #in(node: CelNode, value: Type, range: Type): Type {
    const inner = range.name === 'map' ? text : (range.inner ?? dyn)
    const isRange = ['list', 'map', 'dyn'].includes(range.name)
    if (!isRange || !comparable(value, inner)) this.#never(node, '@in', [value, range])
    return bool
  }

  #needsBool(node: CelNode, types: readonly Type[]): void {
    const wrong = types.find(({ name }) => name !== 'bool' && name !== 'dyn')
    if (wrong !== undefined) this.#fault(node, `bool is needed here, not ${wrong.name}`)
  }

  #function(node: CelNode, call: CelCall, types: readonly Type[]): Type {
    const overloads = [...(this.#options.functions.find(call.function) ?? [])] as CelFunc[]
    if (overloads.length === 0) return this.#fault(node, `unknown function \`${call.function}\``)
    if (call.function === 'matches') this.#checkPattern(node, call)
    const isMethod = call.target !== undefined
    const fitting = overloads.filter((overload) => {
      const wanted = overload.target === undefined ? [] : [overload.target]
      const all = [...wanted, ...overload.arguments]
      if ((overload.target !== undefined) !== isMethod || all.length !== types.length) return false
      return all.every((each, index) => fits(types[index] ?? dyn, each.toString()))
    })
    const [only] = fitting
    if (only === undefined) return this.#never(node, call.function, types)
    const name = only.result.name
    return fitting.every(({ result }) => result.name === name) ? { name } : dyn
  }

  /** A pattern from the request would let the agent choose what is compiled. */
  #checkPattern(node: CelNode, { args }: CelCall): void {
    const pattern = args.at(-1)?.exprKind
    const constant = pattern?.case === 'constExpr' ? pattern.value.constantKind : undefined
    if (constant?.case !== 'stringValue') this.#fault(node, '`matches` takes a pattern in quotes')
    else if (!this.#options.isPattern(constant.value)) this.#fault(node, 'no valid RE2 pattern')
  }

  #never(node: CelNode, name: string, types: readonly Type[]): Type {
    const operator = name.replaceAll('_', '').replace('@', '')
    const operands = types.map(({ name: type }) => type).join(' and ')
    return this.#fault(node, `\`${operator}\` cannot be used on ${operands}`)
  }
}

function constantType({ constantKind }: CelConstant): Type {
  const name = constantKind.case?.replace('Value', '').replace('64', '') ?? 'dyn'
  return { name: name === 'null' ? 'null_type' : name }
}

/** The type of all, or dyn where they differ. */
function joined(types: readonly Type[]): Type {
  const [first] = types
  if (first === undefined) return dyn
  return types.every(({ name }) => name === first.name) ? first : dyn
}

function comparable(left: Type, right: Type): boolean {
  if (left.name === 'dyn' || right.name === 'dyn' || left.name === right.name) return true
  return numbers.includes(left.name) && numbers.includes(right.name)
}

function fits(type: Type, wanted: string): boolean {
  if (type.name === 'dyn' || wanted === 'dyn') return true
  return wanted === type.name || wanted.startsWith(`${type.name}(`)
}
