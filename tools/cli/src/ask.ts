import * as readline from 'node:readline/promises';
import { StackError } from '@stack/model';

/**
 * Asks; only a yes is one.
 * @throws StackError when there is nobody to ask
 */
export async function agrees(
  question: string,
  whenAlone: { what: string; remedy: string },
): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new StackError('NOT_ASKED', `${whenAlone.what} and there is nobody to ask`, whenAlone.remedy);
  const terminal = readline.createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(question);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
