/** `main.cjs` serves over HTTP; `main.cjs --stdio` serves the client that has started it. What one needs, the other doesn't load. */
async function main(): Promise<void> {
  if (process.argv.includes('--stdio')) return (await import('./stdio.js')).serve(process.argv);
  await (await import('./http.js')).serve();
}

main().catch((error: unknown) => {
  console.error(`mcp-server: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
