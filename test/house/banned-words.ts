/** Words that a name may not hold, each with the word that this project uses for the same thing. */
import ts from 'typescript'

export const bannedWords: ReadonlyMap<string, string> = new Map([
  ['req', 'request'],
  ['res', 'response'],
  ['resp', 'response'],
  ['opts', 'options'],
  ['err', 'error'],
  ['errs', 'errors'],
  ['cb', 'callback, or what it is told of'],
  ['fn', 'what it does'],
  ['msg', 'message'],
  ['cfg', 'policy, or settings'],
  ['conf', 'policy, or settings'],
  ['ctx', 'context'],
  ['evt', 'event'],
  ['str', 'text'],
  ['arr', 'list, or what it holds'],
  ['obj', 'what it is'],
  ['val', 'value'],
  ['idx', 'index'],
  ['buf', 'bytes'],
  ['tmp', 'what it holds'],
  ['addr', 'address'],
  ['hdr', 'header'],
  ['hdrs', 'headers'],
  ['pwd', 'password'],
  ['util', 'what it does'],
  ['utils', 'what they do'],
  ['helper', 'what it does'],
  ['helpers', 'what they do'],
  ['manager', 'what it holds, or does'],
  ['service', 'what it does'],
  ['misc', 'what it holds'],
  ['blacklist', 'deny list'],
  ['whitelist', 'allow list'],
  ['reservation', 'hold'],
  ['wallet', 'purse'],
  ['unhalt', 'reinstate'],
])

/** Words that no file may be called by: they say nothing of what is inside. */
export const bannedFileNames: ReadonlySet<string> = new Set([
  'common',
  'shared',
  'util',
  'utils',
  'helper',
  'helpers',
  'misc',
  'data',
  'info',
])

/** The words of a name: `readHTTPHeader_v2` is read, http, header, v2. */
export function wordsOf(name: string): readonly string[] {
  const spaced = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
  return spaced.toLowerCase().split(/[^a-z0-9]+/)
}

/** The name that a node gives to something of ours; null where it only uses a name, which others chose. */
export function declaredName(node: ts.Node): ts.Identifier | null {
  const declares =
    ts.isVariableDeclaration(node) ||
    ts.isParameter(node) ||
    ts.isBindingElement(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isPropertySignature(node) ||
    ts.isMethodSignature(node)
  if (!declares || node.name === undefined) return null
  return ts.isIdentifier(node.name) ? node.name : null
}
