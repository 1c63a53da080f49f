// Markdown from what api.mjs reads.

/** Options that every member of a family has: a table at the top of its page, instead of rows everywhere. */
const shared = { layers: 'LayerOptions', optimizers: 'OptimizerOptions' };

const cell = (text) => text.replace(/\s+/g, ' ').replaceAll('|', '\\|').trim();
const code = (text) => `\`${cell(text)}\``;
const fence = (text) => `\`\`\`ts\n${text}\n\`\`\``;
const paragraphs = (...parts) => parts.filter((part) => part !== undefined && part !== '').join('\n\n');
const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
/** Where the section of a name is: names that differ in case only are numbered, as they follow each other. */
function anchorsOf(entries) {
  const slug = ({ name }) => name.toLowerCase().replaceAll('.', '');
  return new Map(
    entries.map((entry, i) => {
      const before = entries.slice(0, i).filter((other) => slug(other) === slug(entry)).length;
      return [entry.name, `#${slug(entry)}${before === 0 ? '' : `-${before}`}`];
    }),
  );
}

/** The first sentence. */
function summary(text) {
  const [first] = text.split('\n\n');
  return (/^.*?\.(?=\s|$)/s.exec(first)?.[0] ?? first.replace(/:$/, '')).replace(/\s+/g, ' ');
}

/** What options mean that many layers have for each of their weights. */
const perWeight = [
  [/^(\w+)Initializer$/, (weight) => `Initial values of \`${weight}\`.`],
  [/^(\w+)Regularizer$/, (weight) => `Penalty on \`${weight}\` that is added to the loss.`],
  [/^(\w+)Constraint$/, (weight) => `What \`${weight}\` is forced to be after each update.`],
];
const ofWeight = (name) =>
  perWeight.flatMap(([pattern, meaning]) => (pattern.test(name) ? [meaning(pattern.exec(name)[1])] : []))[0] ?? '';

/** 'Default: 0.5.' at the end of a meaning stands in a column of its own. */
function row({ name, optional, type, text }) {
  const found = /\s*\bDefault: (.+?)(\.(?=\s|$)|$|(?=[;,(] ?[a-z]))/s.exec(text);
  const value = found?.[1].trim() ?? '';
  const literal = /^('[^']*'|-?[\d.]+(e-?\d+)?|\[.*\]|true|false)$/.test(value);
  const rest = found?.[2].startsWith('.') || found?.index + found?.[0].length === text.length;
  const meaning = found && rest ? text.replace(found[0], '') : text;
  const standard = optional ? (literal ? code(value) : cell(value)) : 'required';
  return [code(name), code(type), standard, cell(meaning) || ofWeight(name)];
}
/** What must be given stands first. */
const rowsOf = (rows, what = 'option') =>
  table([what, 'type', 'default', 'meaning'], [...rows].sort((a, b) => a.optional - b.optional).map(row));

/** The table of a function's options, or where it stands already. */
function options(family, entry, seen, anchors) {
  if (entry.options === undefined) return '';
  const own = entry.options.rows.filter((r) => r.of !== shared[family.name]);
  const also =
    own.length < entry.options.rows.length ? ` and the [options of all ${family.name}](#options-of-all)` : '';
  const before = seen.get(entry.options.name);
  if (before !== undefined && own.length > 0) return `**Options** as for [${before}](${anchors.get(before)})${also}.`;
  seen.set(entry.options.name, entry.name);
  if (own.length === 0) return also === '' ? '' : `**Options**: the [options of all ${family.name}](#options-of-all).`;
  return paragraphs(
    `**Options**${also && `, besides the [options of all ${family.name}](#options-of-all)`}`,
    rowsOf(own),
  );
}

const parameters = ({ params }) => params.map(({ name, meaning }) => `- \`${name}\`: ${meaning}`).join('\n');
const example = ({ examples }) => examples.map((text) => `**Example**\n\n${fence(text)}`).join('\n\n');
const errors = ({ throws }) =>
  throws.map((text) => `**Throws** ${text.replace(/^Error\s+/, 'an Error ')}`).join('\n\n');
const returns = (entry) => entry.returns && `**Returns** ${entry.returns}`;
const source = (entry) => entry.source && `**Source** ${entry.source}`;

function functionSection(family, entry, seen, anchors) {
  return paragraphs(
    `## ${entry.name}`,
    fence(entry.signature),
    entry.text,
    parameters(entry),
    returns(entry),
    options(family, entry, seen, anchors),
    errors(entry),
    example(entry),
    source(entry),
  );
}

function classSection(entry) {
  const members = entry.members.map((member) =>
    paragraphs(
      `### ${entry.name}.${member.name}`,
      fence(member.signature),
      member.text,
      parameters(member),
      returns(member),
      errors(member),
      example(member),
    ),
  );
  return paragraphs(`## ${entry.name}`, entry.text, errors(entry), example(entry), source(entry), ...members);
}

/** A long list of alternatives on several lines. */
function folded(text) {
  const lines = [''];
  for (const part of text.split(/(?<= \|) /)) {
    if (`${lines.at(-1)} ${part}`.length > 110) lines.push(' ');
    lines.push(`${lines.pop()} ${part}`);
  }
  return lines.join('\n').trim();
}

/** Records that are not the options of one function, and names of types. */
function typeSection(entry) {
  const body =
    entry.kind === 'interface'
      ? rowsOf(entry.rows, 'property')
      : fence(folded(`type ${entry.name} = ${entry.signature}`));
  return paragraphs(`### ${entry.name}`, entry.text, body);
}

/** 'lib/layers/spatial/conv-transpose.ts': 'Conv transpose' */
function groupOf(file) {
  const words = file.split('/').at(-1).replace('.ts', '').replaceAll('-', ' ');
  return words[0].toUpperCase() + words.slice(1);
}

function contents(entries, anchors) {
  return [...new Set(entries.map((e) => e.file))]
    .map((file) => {
      const own = entries.filter((e) => e.file === file);
      const lines = own.map((e) => `- [${e.name}](${anchors.get(e.name)}): ${summary(e.text)}`);
      return paragraphs(`**${groupOf(file)}** ([source](../../${file}))`, lines.join('\n'));
    })
    .join('\n\n');
}

export function renderFamily(family) {
  const { entries } = family;
  const values = entries.filter((e) => e.kind === 'function' || e.kind === 'class');
  const common = entries.find((e) => e.name === shared[family.name]);
  const seen = new Map();
  const anchors = anchorsOf(values);
  const sections = values.map((e) =>
    e.kind === 'class' ? classSection(e) : functionSection(family, e, seen, anchors),
  );
  const tabled = new Set([...seen.keys(), shared[family.name]]);
  const types = entries.filter((e) => (e.kind === 'interface' && !tabled.has(e.name)) || e.kind === 'type');
  return `${paragraphs(
    '<!-- Generated from the docstrings by scripts/generate-docs.mjs. Do not edit. -->',
    `# ${family.title}`,
    family.text,
    contents(values, anchors),
    common && `## Options of all\n\n${rowsOf(common.rows)}`,
    ...sections,
    types.length > 0 ? '## Types' : '',
    ...types.map(typeSection),
  )}\n`;
}

export function renderIndex(families) {
  const rows = families.map(({ name, title, text, entries }) => [
    `[${title}](${name}.md)`,
    String(entries.filter((e) => e.kind === 'function' || e.kind === 'class').length),
    summary(text),
  ]);
  return `${paragraphs(
    '<!-- Generated from the docstrings by scripts/generate-docs.mjs. Do not edit. -->',
    '# Reference',
    'Everything that `steepest` exports. [The guide](../guide.md) shows how the parts work together.',
    table(['page', 'entries', 'about'], rows),
    [
      'Shapes are written [batch, time, features]; `...` stands for any number of axes. An `Operand` is a tensor, a number or',
      'nested arrays of numbers. Dtypes are float32, int32 and bool.',
    ].join(' '),
    [
      'In the examples `model` is a model, `x` and `y` are its data (in the pages about layers and operations: tensors), and',
      'layers, losses and so on are imported from `steepest`. A test compiles all of them.',
    ].join(' '),
  )}\n`;
}
