/** A query as a user sends it to duckdb-http; its rows. */
export async function query(url: string | undefined, token: string, sql: string): Promise<unknown[][]> {
  const response = await fetch(`${url}/v1/query`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  });
  const answer = (await response.json()) as { rows: unknown[][] };
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer.rows;
}
