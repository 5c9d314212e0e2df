/** Shows log files, through the system's own `tail`, which follows through rotation. */

/** @param options.lines how many lines to start with; `follow` goes on until the caller is interrupted */
export async function followLogs(
  files: readonly string[],
  options: { follow: boolean; lines: number },
): Promise<void> {
  const { execa } = await import('execa');
  await execa('tail', ['-n', String(options.lines), ...(options.follow ? ['-F'] : []), ...files], {
    stdio: ['ignore', 'inherit', 'ignore'],
    reject: false,
  });
}
