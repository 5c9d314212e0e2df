import type { EventStore, JSONRPCMessage } from '@modelcontextprotocol/server';

/** Messages and bytes that a session keeps for a client that comes back. */
const [MESSAGES, BYTES] = [1_000, 4 * 2 ** 20];

interface Stored {
  readonly id: string;
  readonly stream: string;
  readonly text: string;
}

/** What one session has sent, for a client whose stream broke. The oldest is forgotten first; it dies with the process. */
export class SessionEvents implements EventStore {
  private stored: Stored[] = [];
  private bytes = 0;
  private last = 0;

  async storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    const text = JSON.stringify(message);
    const id = `${stream}~${++this.last}`;
    this.stored.push({ id, stream, text });
    this.bytes += text.length;
    while (this.stored.length > MESSAGES || (this.bytes > BYTES && this.stored.length > 1))
      this.bytes -= this.stored.shift()?.text.length ?? 0;
    return id;
  }

  async getStreamIdForEventId(id: string): Promise<string | undefined> {
    return id.includes('~') ? id.slice(0, id.lastIndexOf('~')) : undefined;
  }

  async replayEventsAfter(
    last: string,
    { send }: { send: (id: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const stream = (await this.getStreamIdForEventId(last)) ?? '';
    const number = Number(last.slice(last.lastIndexOf('~') + 1));
    for (const { id, stream: of, text } of this.stored)
      if (of === stream && Number(id.slice(id.lastIndexOf('~') + 1)) > number)
        await send(id, JSON.parse(text) as JSONRPCMessage);
    return stream;
  }
}
