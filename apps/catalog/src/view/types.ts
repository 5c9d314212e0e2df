/** What the page is told; it imports nothing that a browser hasn't. */
import type { EntityEvent } from '../model/event';
import type { JsonObject } from '../model/json';

export interface GraphNode {
  urn: string;
  name: string;
  platform?: string;
  /** `Model`, `File`, as who told of it calls it. */
  kind?: string;
  /** Steps from where it began; less than 0 upstream. */
  degree: number;
  /** Columns that the column where it began is made of, or is in. Empty in a graph of tables. */
  columns: string[];
  /** What comes of a column here isn't known: it reads a table that has it, and says nothing of columns. */
  isPossible: boolean;
  /** Tests of these columns. */
  tests: string[];
  /** Neighbours that are further than was asked. */
  hidden: number;
}

export interface GraphEdge {
  from: string;
  to: string;
}

export interface Graph {
  root: string;
  nodes: GraphNode[];
  edges: GraphEdge[];
  /** There is more than `most`. */
  isCut: boolean;
}

export interface Named {
  urn: string;
  type: string;
  name: string;
}

export interface Check {
  urn: string;
  /** assertionInfo */
  info: JsonObject;
  /** assertionRunEvent, the newest first. */
  runs: EntityEvent[];
}

export interface EntityView extends Named {
  platform?: string;
  /** The warehouse's entity of a table that dbt has one of, too. */
  siblings: string[];
  /** By name; those of a sibling where it has none itself. */
  aspects: Record<string, JsonObject>;
  checks: Check[];
  /** dataProcessInstanceRunEvent of runs that are of it, or have written it, the newest first. */
  runs: (EntityEvent & { name: string })[];
  /** datasetUsageStatistics, the newest first. */
  usage: EntityEvent[];
  /** What points to it otherwise: members of a container, tables with a tag, jobs that write it. */
  related: (Named & { relationship: string })[];
  /** Of what its aspects point to. */
  names: Record<string, string>;
}
