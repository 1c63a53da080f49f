/** What is being traced, for the errors and profiles of what it makes. */

let current = '';

/** Runs `body` with `name` as the origin of the nodes it makes: error messages say it. */
export const withScope = <T>(name: string, body: () => T): T =>
  inScope(current === '' ? name : `${current}/${name}`, body);

/** Runs `body` as what made a node of this scope: its nodes have the same origin, wherever they are made. */
export function inScope<T>(scope: string, body: () => T): T {
  const outer = current;
  current = scope;
  try {
    return body();
  } finally {
    current = outer;
  }
}

/** Calls `body` with each of some nodes, as `inScope` with what made it. */
export function eachInScope<N extends { readonly scope: string }>(nodes: readonly N[], body: (node: N) => void): void {
  const outer = current;
  try {
    for (const node of nodes) {
      current = node.scope;
      body(node);
    }
  } finally {
    current = outer;
  }
}

export const currentScope = (): string => current;

/** An error about an operation's arguments, naming the layer it happened in. */
export function opError(op: string, message: string): Error {
  const scope = currentScope();
  return new Error(scope === '' ? `${op}: ${message}` : `${op} in ${scope}: ${message}`);
}
