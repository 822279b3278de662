'use strict';
// Writes index.d.ts and index.d.mts: `node scripts/types.js`; with `--check` it only says whether they are what it would write.
//
// A member's type stands above it in lib/, as `@type`; the data is in data.d.ts beside this; the core's words come from the core.
// Not `tsc --declaration --allowJs`: of CommonJS classes with private fields it makes anonymous ones, and of `module.exports` a file that does not
// compile. Not napi-derive's output: it knows the native half, which nobody is to call.

const fs = require('node:fs');
const path = require('node:path');

const PACKAGE = path.dirname(__dirname);
const read = (name) => fs.readFileSync(path.join(PACKAGE, name), 'utf8');
const HEADER = '// Written by scripts/types.js from lib/ and scripts/data.d.ts: change those, then run it.\n';
const ROOT = 'FeatureFlagsClient';
const CLASSES = [['lib/client.js', ROOT], ['lib/context.js', 'Context'], ['lib/context.js', 'Flag'], ['lib/mock.js', 'MockFeatureFlagsClient']];

/** The words that the core has for a type, as a union. */
function words(type) {
  const source = read('../core/src/evaluation.rs');
  const [, body] = source.match(new RegExp(`impl ${type} \\{[\\s\\S]*?fn as_str\\(self\\)[^{]*\\{([\\s\\S]*?)\\n    \\}`)) ?? [];
  const found = [...(body ?? '').matchAll(/=> "(\w+)"/g)].map(([, word]) => `'${word}'`);
  if (found.length === 0) throw new Error(`core/src/evaluation.rs has no words for ${type}`);
  return found.join(' | ');
}

/** A comment's lines without its frame and without the tags that are for us. */
function lines(comment) {
  return (comment ?? '').split('\n').map((line) => line.replace(/^\s*(\/\*\*|\*(?!\/))? ?/, '').replace(/\s*\*\/\s*$/, '')).filter((line) => line !== '');
}

function framed(text, indent) {
  if (text.length === 0) return '';
  if (text.length === 1) return `${indent}/** ${text[0]} */\n`;
  return `${indent}/**\n${text.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`;
}

/** Where the bracket that opens at `start` closes. */
function closing(text, start, [open, close]) {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === open) depth += 1;
    if (text[at] === close && text[at - 1] !== '=') depth -= 1;
    if (depth === 0) return at;
  }
  throw new Error(`nothing closes ${text.slice(start)}`);
}

/** `<T>(a: A) => R` in its parts; undefined for the type of a property. */
function signature(type) {
  const generic = type.startsWith('<') ? type.slice(0, closing(type, 0, '<>') + 1) : '';
  const rest = type.slice(generic.length);
  if (!rest.startsWith('(')) return undefined;
  const end = closing(rest, 0, '()');
  const arrow = rest.slice(end + 1).match(/^ => (.*)$/);
  return arrow && { generic, parameters: rest.slice(1, end), result: arrow[1] };
}

/** The names among parameters, with a question mark at those that may be left out. */
function names(parameters) {
  const inner = parameters.replace(/\{[^}]*\}/g, '').replace(/\([^)]*\)/g, '').replace(/<[^>]*>/g, '');
  return [...inner.matchAll(/(?:^|, )(\w+\??):/g)].map(([, name]) => name);
}

/** The members of a class in the order of its source. */
function members(file, name) {
  const found = read(file).match(new RegExp(`((?:^/\\*\\*(?:(?!\\*/)[\\s\\S])*?\\*/\\n)?)^class ${name}\\b[^\\n]*\\{\\n([\\s\\S]*?)^\\}`, 'm'));
  if (!found) throw new Error(`${file} has no class ${name}`);
  const [, comment, body] = found;
  const COMMENT = '( *\\/\\*\\*(?:(?!\\*\\/)[\\s\\S])*?\\*\\/\\n)?';
  const member = new RegExp(`^${COMMENT}(?:  ((?:static |async |get )*)([a-z]\\w*|\\[[\\w.]+\\])\\(([^\\n]*)\\) \\{$|    this\\.([a-z]\\w*) = )`, 'gm');
  const all = [...body.matchAll(member)].map(([, doc, kind, method, parameters, property]) => {
    const text = lines(doc);
    const tag = text.findIndex((line) => /^@(type|private)\b/.test(line));
    const place = `${file}: ${name}.${method ?? property}`;
    if (tag < 0) throw new Error(`${place} has no @type`);
    const type = text[tag].match(/^@type \{(.*)\}$/)?.[1];
    return { text: text.filter((_, at) => at !== tag), type, kind: kind ?? '', name: method ?? property, parameters, place };
  });
  return { comment: lines(comment), all };
}

/** Does the type say the same of a function's parameters as the function does? */
function compare({ place, parameters }, types) {
  const real = parameters.split(', ').filter(Boolean).map((parameter) => parameter.replace(/ = .*$/, '?'));
  if (names(types).join() !== real.join()) throw new Error(`${place} takes (${real.join(', ')}), and its @type says (${names(types).join(', ')})`);
}

function declared(member, indent) {
  const { text, type, kind, name } = member;
  const comment = framed(type === undefined ? [] : text, indent);
  if (type === undefined) return `${comment}${indent}private constructor();\n`;
  const call = signature(type);
  if (!call || kind.includes('get ')) return `${comment}${indent}readonly ${name}: ${type};\n`;
  compare(member, call.parameters);
  const result = name === 'constructor' ? '' : `: ${call.result}`;
  return `${comment}${indent}${kind.includes('static ') ? 'static ' : ''}${name}${call.generic}(${call.parameters})${result};\n`;
}

function classText(file, name, indent, head) {
  const { comment, all } = members(file, name);
  // "The same from memory" is said after what it is the same as, and without a blank line between.
  const isPair = (at) => all[at + 1] && all[at].name === `${all[at + 1].name}Sync`;
  all.forEach((_, at) => isPair(at) && ([all[at], all[at + 1]] = [all[at + 1], all[at]]));
  const starts = (at) => at > 0 && all[at].text.length > 0 && !/^(The same|As the)/.test(all[at].text[0]);
  const body = all.map((member, at) => (starts(at) ? '\n' : '') + declared(member, `${indent}  `)).join('');
  return `${framed(comment, indent)}${indent}${head} {\n${body}${indent}}\n`;
}

function generate() {
  const data = read('scripts/data.d.ts').replace(/^(\/\/[^\n]*\n)+\n/, '').replace(/words\('(\w+)'\)/g, (_, type) => words(type));
  const types = [...data.matchAll(/^export (?:type|interface) (\w+)(<[^>]*>)?/gm)].map(([, name, generic = '']) => ({ name, generic }));
  const [[file], ...others] = CLASSES;
  const inside = [...types.map(({ name }) => name), ...others.map(([, name]) => name)].join('|');
  // Outside of the namespace its names need its own in front; comments are left alone.
  const root = classText(file, ROOT, '', `declare class ${ROOT}`);
  const reached = root.split('\n').map((line) => (/^\s*(\/\*\*|\*)/.test(line) ? line : line.replace(new RegExp(`(?<![\\w.'])(?:${inside})(?![\\w'?:(])`, 'g'), `${ROOT}.$&`)));
  const indented = data.trimEnd().split('\n').map((line) => (line ? `  ${line}` : line)).join('\n');
  const classes = others.map(([file, name]) => classText(file, name, '  ', `export class ${name}${name.startsWith('Mock') ? ` extends ${ROOT}` : ''}`));
  const commonjs = `${HEADER}\n${reached.join('\n')}\ndeclare namespace ${ROOT} {\n${indented}\n\n${classes.join('\n')}\n  export { ${ROOT} };\n}\n\nexport = ${ROOT};\n`;

  const plain = (generic) => generic.replace(/ = \w+/g, '');
  const esm = [
    `${HEADER}\nimport ${ROOT} = require('./index.js');\n\nexport default ${ROOT};\nexport { ${ROOT} };\n`,
    ...others.map(([, name]) => `export import ${name} = ${ROOT}.${name};\n`),
    ...types.map(({ name, generic }) => `export type ${name}${generic} = ${ROOT}.${name}${plain(generic)};\n`),
  ];
  return { 'index.d.ts': commonjs, 'index.d.mts': esm.join('') };
}

if (require.main === module) {
  const stale = Object.entries(generate()).filter(([name, text]) => read(name) !== text);
  if (process.argv.includes('--check')) {
    stale.forEach(([name]) => console.error(`${name} is not what lib/ says: run node scripts/types.js`));
    process.exitCode = stale.length ? 1 : 0;
  } else {
    stale.forEach(([name, text]) => fs.writeFileSync(path.join(PACKAGE, name), text));
  }
}

module.exports = { generate };
