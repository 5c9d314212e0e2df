/**
 * Builds `dist/apps/catalog-model/model.json`: what DataHub knows of its entities and aspects, from the Avro schemas that its
 * client ships. Each aspect's schema as JSON Schema of the JSON that the clients send, where URNs in it make relationships, and
 * what is searched.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const out = join(root, 'dist/apps/catalog-model');

/** The client's Avro names differ from those in its JSON by one part. */
const plain = (name) => name.replace('.pegasus2avro.', '.');

function findSchemas() {
  const lib = join(root, '.venv/lib');
  for (const python of readdirSync(lib)) {
    const schemas = join(lib, python, 'site-packages/datahub/metadata/schemas');
    try {
      return readdirSync(schemas)
        .filter((file) => file.endsWith('.avsc'))
        .sort()
        .map((file) => JSON.parse(readFileSync(join(schemas, file), 'utf8')));
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  throw new Error('the client acryl-datahub is not installed in .venv: run `make setup`');
}

/** Named Avro types by their full name, as JSON Schema. */
const definitions = {};
/** The same as they are in Avro, for what they say of relationships and search. */
const types = {};

const isNamed = (avro) => ['record', 'enum', 'fixed'].includes(avro.type);

/** Avro → JSON Schema of the JSON that DataHub's clients make of it. */
function toSchema(avro, namespace) {
  if (Array.isArray(avro)) return union(avro, namespace);
  if (typeof avro === 'string') return primitive(avro, namespace);
  if (isNamed(avro)) return named(avro, namespace);
  if (avro.type === 'array') return { type: 'array', items: toSchema(avro.items, namespace) };
  if (avro.type === 'map') return { type: 'object', additionalProperties: toSchema(avro.values, namespace) };
  return toSchema(avro.type, namespace);
}

function primitive(name, namespace) {
  switch (name) {
    case 'null':
    case 'boolean':
    case 'string':
      return { type: name };
    case 'int':
    case 'long':
      // Others aren't kept as they are: JavaScript has none.
      return { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };
    case 'float':
    case 'double':
      return { type: 'number' };
    case 'bytes':
      return { type: 'string' };
    default:
      return { $ref: `#/$defs/${plain(fullName(name, namespace))}` };
  }
}

const fullName = (name, namespace) => (name.includes('.') || !namespace ? name : `${namespace}.${name}`);

function named(avro, outer) {
  const name = fullName(avro.name, avro.namespace ?? outer);
  const key = plain(name);
  types[name] ??= avro;
  if (!(key in definitions)) {
    definitions[key] = {};
    const namespace = avro.namespace ?? outer;
    if (avro.type === 'record') {
      const fields = avro.fields.map((field) => [field.name, toSchema(field.type, namespace)]);
      definitions[key] = {
        type: 'object',
        properties: Object.fromEntries(fields),
        required: avro.fields.filter((field) => !('default' in field)).map((field) => field.name),
      };
    } else definitions[key] = avro.type === 'enum' ? { enum: avro.symbols } : { type: 'string' };
  }
  return { $ref: `#/$defs/${key}` };
}

/** One of several types is written below its type's name; one that may only be missing isn't. */
function union(members, namespace) {
  const schemas = members.map((member) => [member, toSchema(member, namespace)]);
  const some = schemas.filter(([member]) => member !== 'null');
  if (some.length <= 1) return { anyOf: schemas.map(([, schema]) => schema) };
  const wrapped = some.map(([member, schema]) => {
    const name = typeof member === 'string' ? member : (member.name ?? member.type);
    const key = plain(fullName(name, isNamed(member) ? (member.namespace ?? namespace) : undefined));
    return { type: 'object', properties: { [key]: schema }, required: [key], additionalProperties: false };
  });
  return { anyOf: [...wrapped, ...schemas.map(([, schema]) => schema)] };
}

/** Calls `found` with each annotation of a kind, and the path to its values: `*` is each item or entry. */
function annotations(kind, avro, namespace, path, found, open = []) {
  if (Array.isArray(avro)) {
    for (const member of avro) annotations(kind, member, namespace, path, found, open);
    return;
  }
  if (typeof avro === 'string') {
    const type = types[fullName(avro, namespace)];
    if (type && !open.includes(type)) annotations(kind, type, namespace, path, found, open);
    return;
  }
  if (avro.type === 'array') return annotations(kind, avro.items, namespace, [...path, '*'], found, open);
  if (avro.type === 'map') return annotations(kind, avro.values, namespace, [...path, '*'], found, open);
  if (avro.type === 'record') {
    if (open.includes(avro)) return;
    const inner = avro.namespace ?? namespace;
    for (const field of avro.fields) {
      const at = [...path, field.name];
      const said = field[kind];
      // `{"/*": {…}}`: of what lies below the field; otherwise of the field itself.
      const isBelow = said && Object.keys(said).some((key) => key.startsWith('/'));
      if (isBelow)
        for (const [below, one] of Object.entries(said)) found([...at, ...below.split('/').slice(1)], one);
      else if (said) found(at, said);
      annotations(kind, field.type, inner, at, found, [...open, avro]);
    }
    return;
  }
  if (typeof avro.type === 'object') annotations(kind, avro.type, namespace, path, found, open);
}

const entities = {};
const aspects = {};
for (const avro of findSchemas()) {
  if (!avro.Aspect) continue;
  const { name, type, keyForEntity } = avro.Aspect;
  const { $ref } = toSchema(avro);
  const className = plain(`${avro.namespace}.${avro.name}`);
  const relationships = [];
  annotations('Relationship', avro, undefined, [], (path, { name, isLineage = false, isUpstream = true }) =>
    relationships.push({ path, name, ...(isLineage && { lineage: isUpstream ? 'up' : 'down' }) }),
  );
  const search = [];
  annotations(
    'Searchable',
    avro,
    undefined,
    [],
    (path, { fieldName, fieldType, boostScore, queryByDefault }) =>
      search.push({
        path,
        field: fieldName ?? path.filter((part) => part !== '*').at(-1),
        type: fieldType ?? 'TEXT',
        ...(boostScore && { boost: boostScore }),
        ...(queryByDefault !== undefined && { isText: queryByDefault }),
      }),
  );
  aspects[name] = {
    class: className,
    schema: $ref,
    ...(type === 'timeseries' && { isTimeseries: true }),
    relationships,
    search,
  };
  if (keyForEntity) entities[keyForEntity] = { key: name, fields: avro.fields.map((field) => field.name) };
}

mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'model.json'), JSON.stringify({ entities, aspects, $defs: definitions }));
