/** What stands at every address before the first publish; it goes over to the pages by itself. */
export const WAITING_PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Nothing published yet</title>
    <style>
      :root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5; }
      body { display: grid; place-items: center; min-height: 100vh; margin: 0; }
      main { max-width: 34rem; padding: 2rem; }
      h1 { font-size: 1.4rem; margin: 0 0 0.5rem; }
      code { background: color-mix(in srgb, currentColor 10%, transparent); border-radius: 0.3rem; padding: 0.15rem 0.4rem; }
    </style>
  </head>
  <body>
    <main>
      <h1>Nothing is published yet</h1>
      <p>The dashboards are ready and wait for their first data. Run the pipeline once:</p>
      <p><code>make pipeline</code></p>
      <p>It loads the flights, builds and tests the models, and publishes them. This page then shows them by itself.</p>
    </main>
    <script>
      setInterval(async () => {
        const health = await fetch('/health').then((answer) => answer.json()).catch(() => undefined);
        if (health?.snapshot.id) location.reload();
      }, 1000);
    </script>
  </body>
</html>
`;
