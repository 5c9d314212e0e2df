/** `main.cjs` serves over HTTP; `main.cjs --stdio` serves the client that has started it. What one needs, the other doesn't load. */
async function main(): Promise<void> {
  if (process.argv.includes('--stdio')) return (await import('./stdio.js')).serve(process.argv);
  const { listen } = await import('@stack/http-server');
  const { createHttp } = await import('./http.js');
  const { server, stop } = await createHttp();
  await listen(server, { onStop: stop });
}

main().catch((error: unknown) => {
  console.error(`mcp-server: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
