/** Where the world may come in: clocks, chance, timers and the process, by room. */
import ts from 'typescript'

const timers = ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval']

/** What is never named in the rooms that are given their world as data. */
const worldly = new Set([...timers, 'process'])

/** What a node takes from the world by itself, or null. */
export function ambient(node: ts.Node): string | null {
  if (ts.isPropertyAccessExpression(node)) {
    const name = `${node.expression.getText()}.${node.name.text}`
    return ['Date.now', 'Math.random', 'performance.now'].includes(name) ? name : null
  }
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date') {
    return (node.arguments ?? []).length === 0 ? 'new Date()' : null
  }
  if (!ts.isIdentifier(node) || !worldly.has(node.text)) return null
  const { parent } = node
  const isMember =
    (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
    ts.isPropertyAssignment(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isMethodDeclaration(parent)
  return isMember ? null : node.text
}
