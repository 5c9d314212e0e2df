import { Problem } from './problem';

/** Who reads with a page: the token that this browser keeps until somebody signs out, and the dialog that asks for it. */
export class Session {
  private readonly dialog = document.createElement('dialog');
  private readonly error = document.createElement('p');

  /**
   * Takes a token that the page's address has as `?token=`, and out of it.
   *
   * @param unit whose token it is
   * @param start called once a token is there, and again with each other one
   */
  constructor(
    private readonly unit: string,
    private readonly start: () => void,
  ) {
    this.build();
    const asked = new URL(location.href);
    const given = asked.searchParams.get('token');
    if (given === null) return;
    this.keep(given);
    asked.searchParams.delete('token');
    history.replaceState(null, '', asked);
  }

  begin(): void {
    if (this.token === null) this.signIn();
    else this.start();
  }

  /** @throws Problem */
  async ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${this.token ?? ''}`, 'content-type': 'application/json' };
    const answer = await fetch(path, { ...init, headers }).catch((error: unknown) => {
      throw init.signal?.aborted ? error : Problem.unreachable();
    });
    if (answer.ok) return answer;
    const { detail, remedy, position } = (await answer.json().catch(() => ({}))) as Partial<Problem>;
    throw new Problem(answer.status, detail ?? answer.statusText, remedy ?? '', position);
  }

  /** Asks for a token when that is what the error is about. @returns whether it was */
  isMissing(error: unknown): boolean {
    if (!(error instanceof Problem) || error.status !== 401) return false;
    this.signIn(this.token === null ? '' : 'This token isn’t one of this server’s.');
    return true;
  }

  signOut(): void {
    localStorage.removeItem(this.key);
    location.reload();
  }

  private get key(): string {
    return `${this.unit} token`;
  }
  private get token(): string | null {
    return localStorage.getItem(this.key);
  }
  private keep(token: string): void {
    localStorage.setItem(this.key, token);
  }

  private signIn(said = ''): void {
    this.error.textContent = said;
    if (!this.dialog.open) this.dialog.showModal();
  }

  private build(): void {
    const command = document.querySelector<HTMLMetaElement>('meta[name="secret-command"]')?.content ?? '';
    this.dialog.setAttribute('aria-label', 'Sign in');
    this.dialog.innerHTML = `<form method="dialog">
      <h2>Token</h2>
      <p><code></code> prints the stack’s own.</p>
      <input id="token" type="password" autocomplete="current-password" aria-label="Token" required />
      <button class="primary">Sign in</button>
    </form>`;
    this.dialog.querySelector('code')!.textContent = command;
    this.error.id = 'sign-in-error';
    this.error.setAttribute('role', 'alert');
    const input = this.dialog.querySelector('input')!;
    input.after(this.error);
    this.dialog.addEventListener('cancel', (event) => event.preventDefault());
    this.dialog.addEventListener('close', () => {
      this.keep(input.value.trim());
      input.value = '';
      this.start();
    });
    document.body.append(this.dialog);
  }
}
