// Writes native/ops.inc from lib/ir/optable.ts, so that C++ and TypeScript share one table of operations.
//
//   node scripts/generate-ops.mjs           writes the file
//   node scripts/generate-ops.mjs --check   exits with 1 when the committed file is stale
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

const tableFile = fileURLToPath(new URL('../lib/ir/optable.ts', import.meta.url));
const outputFile = fileURLToPath(new URL('../native/ops.inc', import.meta.url));

/** Node 20 cannot import TypeScript, so the (import-free) table is stripped of its types and imported from memory. */
async function importTable() {
  const { code } = transformSync(readFileSync(tableFile, 'utf8'), {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'es6' },
  });
  return import(`data:text/javascript,${encodeURIComponent(code)}`);
}

const pascal = (name) => name[0].toUpperCase() + name.slice(1);
const upperSnake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
const laneMasks = { f: 1, i: 2, fi: 3 };

/** The encoding's numbers, flattened: `spaces.state` becomes STEEPEST_SPACES_STATE. */
function constants(encoding) {
  return Object.entries(encoding).flatMap(([name, value]) =>
    typeof value === 'number'
      ? [`#define STEEPEST_${upperSnake(name)} ${value}u`]
      : Object.entries(value).map(([key, n]) => `#define STEEPEST_${upperSnake(name)}_${upperSnake(key)} ${n}u`),
  );
}

function scalarOps(opTable) {
  return Object.entries(opTable)
    .filter(([, op]) => op.kind === 'scalar')
    .map(([name, op]) => {
      const columns = [op.code, op.inputs, laneMasks[op.lanes], op.predicate === true, op.positional === true];
      return `STEEPEST_SCALAR_OP(${pascal(name)}, "${name}", ${columns.join(', ')})`;
    });
}

function instructions(opTable) {
  return Object.entries(opTable)
    .filter(([, op]) => op.kind !== 'scalar' && op.code > 0)
    .map(([name, op]) => {
      const flags = [op.program, op.epilogue, op.slides].map((flag) => flag === true);
      const columns = [op.code, op.inputs, op.outputs, op.words ?? 0, ...flags];
      return `STEEPEST_INSTRUCTION(${pascal(name)}, "${name}", ${columns.join(', ')})`;
    });
}

/** A list that includers read by defining its macro; undefined macros expand to nothing. */
const list = (macro, lines) => [`#ifndef ${macro}`, `#define ${macro}(...)`, '#endif', ...lines, `#undef ${macro}`];

function generate({ opTable, encoding, tableHash }) {
  return [
    '// Generated from lib/ir/optable.ts by scripts/generate-ops.mjs. Do not edit.',
    '//',
    '// Define one of the macros below and include this file; it undefines them again.',
    '',
    '// Numbers of the encoding.',
    '#ifndef STEEPEST_TABLE_HASH',
    `#define STEEPEST_TABLE_HASH 0x${tableHash().toString(16).padStart(8, '0')}u`,
    ...constants(encoding),
    '#endif',
    '',
    '// (Name, "name", code, operands, lanes: 1 float 2 int 3 both, predicate, positional)',
    ...list('STEEPEST_SCALAR_OP', scalarOps(opTable)),
    '',
    '// (Name, "name", code, inputs or -1, outputs or -1, attribute words, program, epilogue, slides)',
    ...list('STEEPEST_INSTRUCTION', instructions(opTable)),
    '',
  ].join('\n');
}

const fresh = generate(await importTable());
if (process.argv.includes('--check')) {
  if (readFileSync(outputFile, 'utf8') !== fresh) {
    console.error('native/ops.inc is stale: run node scripts/generate-ops.mjs');
    process.exit(1);
  }
} else {
  writeFileSync(outputFile, fresh);
}
