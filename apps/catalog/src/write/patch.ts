import { RequestError } from '@stack/http-server';
import { isObject, type Json, type JsonObject } from '../model/json';

export interface PatchOperation {
  op: 'add' | 'remove' | 'replace';
  path: string;
  value?: Json;
}

/**
 * Lists whose items a patch names by their keys and not by number, by aspect: `/upstreams/<urn>`. As the client's patch
 * builders write them (datahub/specific).
 */
const KEYS: Record<string, Record<string, string[]>> = {
  upstreamLineage: { upstreams: ['dataset'] },
  globalTags: { tags: ['tag'] },
  glossaryTerms: { terms: ['urn'] },
  ownership: { owners: ['owner', 'type'] },
  structuredProperties: { properties: ['propertyUrn'] },
  domains: { domains: [''] },
  dataJobInputOutput: {
    inputDatasetEdges: ['destinationUrn'],
    outputDatasetEdges: ['destinationUrn'],
    inputDatajobEdges: ['destinationUrn'],
    inputDatasetFields: [''],
    outputDatasetFields: [''],
  },
  chartInfo: { inputEdges: ['destinationUrn'] },
  dashboardInfo: {
    datasetEdges: ['destinationUrn'],
    chartEdges: ['destinationUrn'],
    dashboards: ['destinationUrn'],
  },
  dataProductProperties: { assets: ['destinationUrn'] },
  institutionalMemory: { elements: ['url'] },
  editableSchemaMetadata: {
    editableSchemaFieldInfo: ['fieldPath'],
    'editableSchemaFieldInfo/*/globalTags/tags': ['tag'],
    'editableSchemaFieldInfo/*/glossaryTerms/terms': ['urn'],
  },
};

/** Lists of column lineage are named by what they are: `/fineGrainedLineages/<operation>/<downstream>/<query>/<upstream>`. */
const FINE = 'fineGrainedLineages';

/**
 * What an aspect is after a patch (RFC 6902, with DataHub's way to name items of lists). What a path leads through needn't
 * be there yet; what is to be removed neither.
 *
 * @param keys of lists, by their path, as the patch itself gives them
 * @throws RequestError 400 when an operation can't be done
 */
export function patched(
  aspect: string,
  value: JsonObject,
  operations: readonly PatchOperation[],
  keys: Record<string, string[]> = {},
): JsonObject {
  const lists = { ...KEYS[aspect], ...keys };
  const target = structuredClone(value);
  const order = Object.entries(lists).sort(([a], [b]) => a.split('/').length - b.split('/').length);
  for (const operation of operations) {
    const path = operation.path.split('/').slice(1).map(unescaped);
    if (path.length === 0 || !operation.path.startsWith('/'))
      throw refused(aspect, operation, 'its path is none');
    if (path[0] === FINE && path.length === 5) applyFine(target, path.slice(1), operation);
    else apply(target, path, operation, order, aspect);
  }
  return target;
}

type Lists = [string, string[]][];

function apply(
  root: JsonObject,
  path: string[],
  operation: PatchOperation,
  lists: Lists,
  aspect: string,
): void {
  let at: Json = root;
  const walked: string[] = [];
  for (let i = 0; i < path.length;) {
    const keys = lists.find(([list]) => matches(list, walked))?.[1];
    if (keys) {
      // Each part of the key is a step; where fewer are given, more than one item may be meant.
      const names = path.slice(i, i + keys.length);
      const last = i + names.length >= path.length;
      if (!Array.isArray(at)) throw refused(aspect, operation, `${walked.join('/')} is no list`);
      const list: Json[] = at;
      const index = list.findIndex((item) =>
        names.every((name, k) => String(keyed(item, keys[k]!)) === name),
      );
      if (last) return changeItem(list, index, keys, names, operation);
      if (index < 0) {
        if (operation.op === 'remove') return;
        list.push(Object.fromEntries(names.map((name, k) => [keys[k]!, name])));
      }
      at = list[index < 0 ? list.length - 1 : index]!;
      i += names.length;
      walked.push('*');
      continue;
    }
    const step = path[i]!;
    if (i === path.length - 1) return changeMember(at, step, operation, aspect);
    const next: Json | undefined = Array.isArray(at)
      ? at[Number(step)]
      : isObject(at) && Object.hasOwn(at, step)
        ? at[step]
        : undefined;
    if (next === undefined || next === null) {
      if (operation.op === 'remove') return;
      if (!isObject(at)) throw refused(aspect, operation, `there is nothing at ${step}`);
      const made: Json = lists.some(([list]) => matches(list, [...walked, step])) ? [] : {};
      define(at, step, made);
      at = made;
    } else at = next;
    walked.push(step);
    i += 1;
  }
}

/** `a/*` matches what lies below each item. */
const matches = (list: string, walked: readonly string[]): boolean => {
  const parts = list.split('/').filter(Boolean);
  return parts.length === walked.length && parts.every((part, i) => part === '*' || part === walked[i]);
};

/** The item's key; of a list of texts the item itself. */
const keyed = (item: Json, key: string): Json | undefined =>
  key === '' ? item : isObject(item) ? item[key] : undefined;

function changeItem(
  list: Json[],
  index: number,
  keys: string[],
  names: string[],
  { op, value }: PatchOperation,
): void {
  if (op === 'remove') {
    for (let i = list.length - 1; i >= 0; i--)
      if (names.every((name, k) => String(keyed(list[i]!, keys[k]!)) === name)) list.splice(i, 1);
    return;
  }
  const given = value ?? null;
  const item =
    isObject(given) && keys[0] !== ''
      ? { ...Object.fromEntries(names.map((name, k) => [keys[k]!, name])), ...given }
      : given;
  if (index < 0) list.push(keys[0] === '' ? names[0]! : item);
  else list[index] = keys[0] === '' ? names[0]! : item;
}

function changeMember(at: Json, step: string, operation: PatchOperation, aspect: string): void {
  const { op, value = null } = operation;
  if (Array.isArray(at)) {
    const index = step === '-' ? at.length : Number(step);
    if (!Number.isInteger(index) || index < 0 || index > at.length)
      throw refused(aspect, operation, `${step} is no place in the list`);
    if (op === 'remove') at.splice(index, 1);
    else if (op === 'add') at.splice(index, 0, value);
    else at[index] = value;
    return;
  }
  if (!isObject(at)) throw refused(aspect, operation, 'it leads through a plain value');
  if (op === 'remove') delete at[step];
  else define(at, step, value);
}

/** Also a name such as `__proto__` is a member of its own. */
function define(at: JsonObject, name: string, value: Json): void {
  Object.defineProperty(at, name, { value, enumerable: true, configurable: true, writable: true });
}

interface Fine {
  transformOperation?: string;
  query?: string;
  upstreams?: string[];
  downstreams?: string[];
  [key: string]: Json | undefined;
}

function applyFine(
  target: JsonObject,
  [operation, downstream, query, upstream]: string[],
  { op, value }: PatchOperation,
): void {
  const list = ((target[FINE] as Fine[] | undefined) ?? []).slice();
  const isIt = (one: Fine): boolean =>
    (one.transformOperation ?? 'NONE') === operation &&
    (one.query ?? 'NONE') === query &&
    one.downstreams?.length === 1 &&
    one.downstreams[0] === downstream;
  const index = list.findIndex(isIt);
  const found = list[index];
  const upstreams = new Set(found?.upstreams ?? []);
  if (op === 'remove') upstreams.delete(upstream!);
  else upstreams.add(upstream!);
  if (upstreams.size === 0) {
    if (index >= 0) list.splice(index, 1);
  } else {
    const fine: Fine = {
      ...(found ?? {
        upstreamType: 'FIELD_SET',
        downstreamType: 'FIELD',
        downstreams: [downstream!],
        transformOperation: operation,
        confidenceScore: 1,
        ...(query !== 'NONE' && { query }),
      }),
      ...(isObject(value) ? value : {}),
      upstreams: [...upstreams],
    };
    if (index >= 0) list[index] = fine;
    else list.push(fine);
  }
  target[FINE] = list as Json;
}

const unescaped = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');

function refused(aspect: string, { op, path }: PatchOperation, why: string): RequestError {
  return new RequestError(400, 'invalid_patch', `${aspect}: ${op} ${path} can’t be done: ${why}`, {
    remedy: 'make it by the client’s patch builders',
  });
}
