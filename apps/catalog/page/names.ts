/** What entities are called, and where their pages are. */

/** Types that people look for, by DataHub's name in GraphQL. */
export const TYPES: Record<string, string> = {
  DATASET: 'Tables and files',
  DASHBOARD: 'Dashboards',
  CHART: 'Charts',
  DATA_FLOW: 'Pipelines',
  DATA_JOB: 'Jobs',
  CONTAINER: 'Schemas and folders',
  GLOSSARY_TERM: 'Terms',
  TAG: 'Tags',
  DOMAIN: 'Domains',
  CORP_USER: 'People',
  CORP_GROUP: 'Groups',
  MLMODEL: 'Models',
};

const WORDS: Record<string, string> = {
  dataset: 'Dataset',
  dataFlow: 'Pipeline',
  dataJob: 'Job',
  dataProcessInstance: 'Run',
  corpuser: 'Person',
  corpGroup: 'Group',
  glossaryTerm: 'Term',
  mlModel: 'Model',
};

/** One of a type in a word. */
export const word = (type: string): string => WORDS[type] ?? type[0]!.toUpperCase() + type.slice(1);

/** `dataset` of `urn:li:dataset:(…)`. */
export const typeOf = (urn: string): string => urn.split(':', 3)[2] ?? '';

/** The address of an entity's page. */
export const pageOf = (urn: string, view?: Record<string, string | undefined>): string => {
  const given = Object.entries(view ?? {}).filter((one): one is [string, string] => Boolean(one[1]));
  const query = given.length > 0 ? `?${new URLSearchParams(given).toString()}` : '';
  return `/${typeOf(urn)}/${encodeURIComponent(urn)}${query}`;
};

/** The URN in a page's address; undefined where it isn't an entity's. */
export const urnIn = (path: string): string | undefined => {
  const found = /^\/[a-zA-Z]+\/(urn(?::|%3A).+?)\/?$/i.exec(path)?.[1];
  try {
    return found && decodeURIComponent(found);
  } catch {
    return undefined;
  }
};

/** `warehouse.marts` of a table's key; nothing of a file's. */
export const within = (urn: string): string =>
  /^urn:li:dataset:\(urn:li:dataPlatform:(?!file,)[^,]*,([^,]*)\.[^.,]*,[^,]*\)$/.exec(urn)?.[1] ?? '';

/** What a node of a graph is, and where: `Model · dbt · warehouse.marts`. */
export const kindOf = ({ urn, kind, platform }: { urn: string; kind?: string; platform?: string }): string =>
  [kind ?? word(typeOf(urn)), platform, within(urn)].filter(Boolean).join(' · ');
