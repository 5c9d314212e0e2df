/** A call that may come next, from what this one found. */
export interface Next {
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** What it would tell. */
  readonly why: string;
}

/** What a tool answers. */
export interface Answer<T> {
  /** In a line or a few: what was found, in words of ours. Text that comes from data belongs into `data`. */
  readonly text: string;
  readonly data: T;
  readonly next?: readonly Next[];
}
