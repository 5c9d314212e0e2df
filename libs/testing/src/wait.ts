/**
 * Tries until it succeeds.
 * @param within milliseconds
 * @throws what the last try threw
 */
export async function eventually<T>(attempt: () => T | Promise<T>, within = 30_000): Promise<T> {
  const deadline = Date.now() + within;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}
