/** Queries that were run in this browser, the newest first. */
const KEY = 'duckdb-http history';
const MOST = 100;

export function past(): string[] {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '[]') as string[];
  } catch {
    return [];
  }
}

export function remember(sql: string): void {
  const all = [sql, ...past().filter((one) => one !== sql)].slice(0, MOST);
  try {
    localStorage.setItem(KEY, JSON.stringify(all));
  } catch {
    // A browser without room for it has no history.
  }
}
