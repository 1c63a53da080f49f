// esbuild's `keepNames` gives every function its name by a call, `__name(f, "f")`, also the nine in ten that it has not renamed
// and that have it anyway. Node spends a tenth of the time for loading the library on these.

const namer = '__name';

/** Whether an expression is `__name(value, "name")`. */
const isNaming = (node, name) =>
  node?.type === 'CallExpression' &&
  node.callee.value === namer &&
  node.arguments[1]?.expression.type === 'StringLiteral' &&
  node.arguments[1].expression.value === name;

/** A function or class that takes the name of the variable or property that it is assigned to. */
const isNameless = (node) =>
  node.type === 'ArrowFunctionExpression' ||
  ((node.type === 'FunctionExpression' || node.type === 'ClassExpression') && !node.identifier);

/** What is superfluous in a node: pieces of the text, from and to. */
function* superfluous(node) {
  const statements = node.type === 'Module' ? node.body : node.type === 'BlockStatement' ? node.stmts : [];
  for (const { type, span, expression } of statements) {
    // function f() {}  __name(f, "f");
    if (type !== 'ExpressionStatement' || expression.type !== 'CallExpression') continue;
    const what = expression.arguments[0]?.expression;
    if (what?.type === 'Identifier' && isNaming(expression, what.value)) yield [span.start, span.end];
  }
  // const f = __name(() => {}, "f");  { f: __name(() => {}, "f") }
  const [name, value] =
    node.type === 'VariableDeclarator'
      ? [node.id.value, node.init]
      : node.type === 'KeyValueProperty'
        ? [node.key.value, node.value]
        : [];
  if (name !== undefined && isNaming(value, name) && isNameless(value.arguments[0].expression)) {
    const { span } = value.arguments[0].expression;
    yield [value.span.start, span.start];
    yield [span.end, value.span.end];
  }
  // class C { static { __name(this, "C"); } }
  if (node.type === 'ClassDeclaration' || node.type === 'ClassExpression') {
    for (const { type, span, body } of node.body) {
      const [only, ...others] = type === 'StaticBlock' ? body.stmts : [];
      const names = others.length === 0 && node.identifier && isNaming(only?.expression, node.identifier.value);
      if (names) yield [span.start, span.end];
    }
  }
}

function* everyNode(value) {
  if (value === null || typeof value !== 'object') return;
  if (typeof value.type === 'string') yield value;
  for (const part of Object.values(value)) yield* everyNode(part);
}

/**
 * The text without the calls that name what has that name already. Blanks take their place, so that the source map stays right.
 *
 * @param parseSync that of @swc/core
 */
export function withoutGivenNames(code, parseSync) {
  const module = parseSync(code, { syntax: 'ecmascript', target: 'es2022' });
  const text = Buffer.from(code); // positions are bytes
  for (const node of everyNode(module)) {
    for (const [from, to] of superfluous(node)) {
      for (let i = from - module.span.start; i < to - module.span.start; i++) if (text[i] !== 10) text[i] = 32;
    }
  }
  return text.toString().replace(/ +$/gm, '');
}
