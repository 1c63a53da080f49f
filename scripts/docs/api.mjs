// Reads what lib/index.ts exports, with docstrings, into plain data, by TypeScript's own compiler.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isClassDeclaration, isInterfaceDeclaration } from 'typescript/unstable/ast/is';
import { API, ModifierFlags, NodeBuilderFlags, SignatureKind, SymbolFlags } from 'typescript/unstable/sync';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the pages are about. Exports without a family go by the folder that they are declared in. */
const namespaces = {
  layers: 'Layers',
  ops: 'Operations',
  losses: 'Losses',
  metrics: 'Metrics',
  optimizers: 'Optimizers',
  schedules: 'Learning-rate schedules',
  initializers: 'Initializers',
  regularizers: 'Regularizers',
  constraints: 'Constraints',
  callbacks: 'Callbacks',
  preprocessing: 'Preprocessing',
};
const folders = {
  data: ['data', 'Data', 'Reading data sets, and what is done to them before training.'],
  transforms: ['transforms', 'Transforms', 'Functions over functions of tensors: compiled, and differentiated.'],
  training: ['models', 'Models', 'Models and their training, evaluation, prediction and saving.'],
  '': [
    'tensors',
    'Tensors and the machine',
    'Tensors, inputs of models, registration of custom parts, threads and memory.',
  ],
};

/** Text of a node, on one line. */
const flat = (text) =>
  text
    .replace(/\s+/g, ' ')
    .replace(/([([]) | (?=[)\]])/g, '$1')
    .replace(/,(?=[)\]])/g, '')
    .trim();

/**
 * A docstring: its text, and its tags. A paragraph "Source: ..." belongs to the whole, whatever tag it stands behind.
 */
function docstring(symbol, checker) {
  const sources = [];
  const withoutSource = (text) =>
    text
      .split(/\n\n/)
      .filter((paragraph) => {
        const found = /^Sources?: (.*)$/s.exec(paragraph.trim());
        if (found) sources.push(found[1]);
        return !found;
      })
      .join('\n\n')
      .trim();
  const text = withoutSource(symbol.getDocumentationComment(checker));
  const tags = symbol.getJsDocTags(checker).map(({ name, text: body }) => ({ name, text: withoutSource(body ?? '') }));
  const of = (name) => tags.filter((tag) => tag.name === name).map((tag) => tag.text);
  return {
    text,
    params: of('param').map((param) => {
      const [, name, meaning] = /^(\S+)\s*(.*)$/s.exec(param);
      return { name, meaning };
    }),
    returns: of('returns')[0],
    throws: of('throws'),
    examples: of('example'),
    source: sources.join('; ') || undefined,
  };
}

export function readApi() {
  const api = new API({ cwd: root });
  try {
    const config = path.join(root, 'tsconfig.json');
    const project = api.updateSnapshot({ openProject: config }).getProjects()[0];
    return new Reader(project).families();
  } finally {
    api.close();
  }
}

class Reader {
  constructor(project) {
    this.project = project;
    this.checker = project.checker;
  }

  families() {
    const all = this.exportsOf('lib/index.ts');
    const families = Object.entries(namespaces).map(([name, title]) => {
      const module = all.find((symbol) => symbol.name === name);
      const target = this.target(module);
      return this.family(name, title, this.aboutModule(target), this.checker.getExportsOfModule(target), `${name}.`);
    });
    const loose = all.filter(({ name }) => !(name in namespaces));
    const untitled = loose.find((symbol) => (this.target(symbol).flags & SymbolFlags.ValueModule) !== 0);
    if (untitled !== undefined) throw new Error(`${untitled.name} needs a title in scripts/docs/api.mjs`);
    const folderOf = (symbol) => {
      const [, folder] = this.fileOf(this.target(symbol)).split('/');
      return folder in folders ? folder : '';
    };
    for (const [folder, [name, title, text]] of Object.entries(folders)) {
      const own = loose.filter((symbol) => folderOf(symbol) === folder);
      families.push(this.family(name, title, text, own, ''));
    }
    return families;
  }

  family(name, title, text, exported, prefix) {
    const targets = exported.flatMap((symbol) => this.named(symbol));
    const entries = targets.map((target) => this.entry(target, prefix)).filter((entry) => entry !== undefined);
    // by file, and as they stand there: what belongs together is together
    entries.sort((a, b) => a.file.localeCompare(b.file) || a.position - b.position);
    return { name, title, text, entries };
  }

  /** An export by its name; of a module inside, such as `ops.image`, all that it exports. */
  named(symbol) {
    const target = this.target(symbol);
    if ((target.flags & SymbolFlags.ValueModule) === 0) return [{ name: symbol.name, symbol: target }];
    return this.checker
      .getExportsOfModule(target)
      .map((inner) => ({ name: `${symbol.name}.${inner.name}`, symbol: this.target(inner) }));
  }

  entry({ name, symbol }, prefix) {
    const node = this.declaration(symbol);
    const file = this.fileOf(symbol);
    if (node === undefined || file === '') return undefined;
    const common = { name, call: prefix + name, file, position: node.pos, ...docstring(symbol, this.checker) };
    if (isInterfaceDeclaration(node)) {
      return { ...common, kind: 'interface', rows: this.rows(this.checker.getDeclaredTypeOfSymbol(symbol)) };
    }
    if (isClassDeclaration(node)) return { ...common, kind: 'class', members: this.members(node) };
    if ((symbol.flags & SymbolFlags.TypeAlias) !== 0) {
      return { ...common, kind: 'type', signature: this.alias(symbol, node) };
    }
    const type = this.checker.getTypeOfSymbol(symbol);
    const signatures = this.checker.getSignaturesOfType(type, SignatureKind.Call);
    if (signatures.length === 0) {
      return { ...common, kind: 'constant', signature: this.checker.typeToString(type) };
    }
    return {
      ...common,
      kind: 'function',
      signature: signatures.map((signature) => this.signature(prefix + name, signature)).join('\n'),
      options: this.options(signatures.at(-1)),
    };
  }

  /** As the source has it; a list of names that the source derives from a table is written out. */
  alias(symbol, node) {
    const written = flat(node.type.getText());
    if (!written.includes('typeof')) return written;
    const flags = NodeBuilderFlags.NoTruncation | NodeBuilderFlags.InTypeAlias;
    return this.checker
      .typeToString(this.checker.getDeclaredTypeOfSymbol(symbol), undefined, flags)
      .replaceAll('"', "'");
  }

  /** As the source has it, with defaults. */
  signature(call, signature) {
    const { parameters, typeParameters = [], type } = signature.declaration.resolve(this.project);
    const returns = type?.getText() ?? this.checker.typeToString(this.checker.getReturnTypeOfSignature(signature));
    const list = parameters.map((p) => flat(p.getText()));
    const generics = typeParameters.map((p) => flat(p.getText())).join(', ');
    const head = generics === '' ? call : `${call}<${generics}>`;
    const line = `${head}(${list.join(', ')}): ${flat(returns)}`;
    return line.length <= 110 ? line : `${head}(\n${list.map((p) => `  ${p},\n`).join('')}): ${flat(returns)}`;
  }

  /** Rows of the record that a function takes as its options, and what the record is called. */
  options(signature) {
    const { parameters } = signature.declaration.resolve(this.project);
    const at = parameters.findIndex((p) => p.name.getText() === 'options' || p.type?.getText().endsWith('Options'));
    if (at < 0) return undefined;
    const type = this.checker.getNonNullableType(this.checker.getParameterType(signature, at));
    const rows = this.rows(type);
    return rows.length === 0 ? undefined : { name: this.checker.typeToString(type).replace(/<.*/, ''), rows };
  }

  rows(type) {
    return this.checker.getPropertiesOfType(type).map((property) => {
      const node = this.declaration(property);
      const written = node?.parameters === undefined ? node?.type?.getText() : undefined; // of a method it is the result's
      const own = written?.includes("['") ? undefined : written;
      return {
        name: property.name,
        optional: (property.flags & SymbolFlags.Optional) !== 0,
        type: flat(own ?? this.typeOf(property)),
        of: node?.parent?.name?.text,
        text: this.meaning(property, node),
      };
    });
  }

  /** Where a record says nothing but another default, what the record that it extends says. */
  meaning(property, node) {
    const text = property.getDocumentationComment(this.checker).trim();
    if (!/^(Default: .*)?$/s.test(text) || !node?.parent || !isInterfaceDeclaration(node.parent)) return text;
    const type = this.checker.getTypeAtLocation(node.parent);
    for (const base of this.checker.getBaseTypes(type)) {
      const inherited = this.checker.getPropertyOfType(base, property.name);
      const said = inherited && this.meaning(inherited, this.declaration(inherited));
      if (said) return `${said.replace(/\s*Default: .*$/s, '')} ${text}`.trim();
    }
    return text;
  }

  typeOf(property) {
    return this.checker.typeToString(this.checker.getNonNullableType(this.checker.getTypeOfSymbol(property)));
  }

  /** Public members that have a docstring. Those of one name, as a getter and its setter, share it. */
  members(node) {
    const names = new Set();
    return node.members.flatMap((member) => {
      const hidden = ModifierFlags.Private | ModifierFlags.Protected;
      const own = member.name && this.checker.getSymbolAtLocation(member.name);
      if (!own || member.name.getText().startsWith('#') || (member.modifierFlags & hidden) !== 0) return [];
      const doc = docstring(own, this.checker);
      if (doc.text === '') return [];
      const type = this.checker.getTypeOfSymbol(own);
      const [signature] = this.checker.getSignaturesOfType(type, SignatureKind.Call);
      const name = member.name.getText();
      if (names.has(name)) return [];
      names.add(name);
      const text = signature ? this.signature(name, signature) : `${name}: ${this.checker.typeToString(type)}`;
      return [{ name, signature: text, ...doc }];
    });
  }

  /** The comment that a file begins with. */
  aboutModule(symbol) {
    const [, comment] = /^\/\*\*(.*?)\*\//s.exec(this.declaration(symbol).getSourceFile().text) ?? [];
    return (comment ?? '').replace(/^[ \t]*\*? ?/gm, '').trim();
  }

  declaration(symbol) {
    const handle = symbol.valueDeclaration ?? symbol.declarations[0];
    return handle?.resolve(this.project);
  }

  /** Relative to the root; empty for what is declared elsewhere. */
  fileOf(symbol) {
    const file = this.declaration(symbol)?.getSourceFile().fileName ?? '';
    return file.startsWith(root) ? path.relative(root, file).replaceAll(path.sep, '/') : '';
  }

  target(symbol) {
    return (symbol.flags & SymbolFlags.Alias) !== 0 ? this.checker.getAliasedSymbol(symbol) : symbol;
  }

  exportsOf(file) {
    const source = this.project.program.getSourceFile(path.join(root, file));
    return this.checker.getExportsOfModule(this.checker.getSymbolAtLocation(source));
  }
}
