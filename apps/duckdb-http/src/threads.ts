/**
 * Node runs each query, and each file and name lookup, on a pool of 4 threads: too few for 4 queries at once and the
 * rest. To be imported before anything that uses the pool.
 */
process.env.UV_THREADPOOL_SIZE ??= '8';
