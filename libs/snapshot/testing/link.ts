import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server that can be cut and mended: what a network does. */
export class Link {
  private readonly sockets = new Set<Socket>();
  private up = true;

  private constructor(private readonly server: Server) {}

  /** Opens a way to `url`. */
  static async to(url: string): Promise<Link> {
    const { hostname, port } = new URL(url);
    const server = createServer((from) => {
      if (!link.up) return void from.destroy();
      const to = connect(Number(port), hostname);
      for (const socket of [from, to]) {
        link.sockets.add(socket);
        socket.on('error', () => socket.destroy());
        socket.on('close', () => link.sockets.delete(socket));
      }
      from.on('close', () => to.destroy());
      to.on('close', () => from.destroy());
      from.pipe(to).pipe(from);
    });
    const link = new Link(server);
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    return link;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.up = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.up = true;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((done) => this.server.close(done));
  }
}
