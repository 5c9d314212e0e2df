const own = /[\\/]model[\\/]src[\\/](caller|units)\.[jt]s$/;

/**
 * The definition file that called `define…`, for error messages. Taken from the stack trace, so that a definition
 * needn't repeat its own path; relative to the working directory when it lies below it.
 */
export function callerFile(): string {
  const lines = (new Error().stack ?? '').split('\n').slice(1);
  for (const line of lines) {
    const path = /\(?(?:file:\/\/)?(\/[^():]+|[A-Za-z]:\\[^():]+):\d+:\d+\)?$/.exec(line.trim())?.[1];
    if (path && !own.test(path)) {
      const cwd = process.cwd() + '/';
      return path.startsWith(cwd) ? path.slice(cwd.length) : path;
    }
  }
  return '(unknown file)';
}
