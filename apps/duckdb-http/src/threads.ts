/** Queries that run at once unless QUERY_CONNECTIONS says otherwise. */
export const CONNECTIONS = 8;

/**
 * Node runs each query, and each file and name lookup, on a pool of 4 threads: too few for all the queries at once and
 * the rest. To be imported before anything that uses the pool.
 */
process.env.UV_THREADPOOL_SIZE ??= String((Number(process.env.QUERY_CONNECTIONS) || CONNECTIONS) + 4);
