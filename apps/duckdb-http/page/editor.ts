import { closeCompletion, type CompletionSource } from '@codemirror/autocomplete';
import { sql, PostgreSQL, SQLDialect } from '@codemirror/lang-sql';
import { syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, setDiagnostics } from '@codemirror/lint';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';
import { classHighlighter } from '@lezer/highlight';
import { basicSetup } from 'codemirror';
import type { TableInfo } from './api';

/** What DuckDB has besides PostgreSQL's words. */
const DuckDB = SQLDialect.define({
  ...PostgreSQL.spec,
  keywords: `${PostgreSQL.spec.keywords ?? ''} qualify pivot unpivot asof anti semi positional sample summarize describe exclude columns macro glob`,
  types: `${PostgreSQL.spec.types ?? ''} hugeint ubigint uinteger usmallint utinyint tinyint blob struct map union list`,
});

/** Columns of the tables that the text names, before all words of the language, which completes tables itself. */
function columnsOf(tables: readonly TableInfo[]): CompletionSource {
  return (context) => {
    const word = context.matchBefore(/\w+/);
    if (!word || context.state.sliceDoc(word.from - 1, word.from) === '.') return null;
    const words = new Set(context.state.doc.toString().toLowerCase().split(/\W+/));
    const named = tables.filter(({ name }) => words.has(name.toLowerCase()));
    const columns = new Set(named.flatMap((table) => table.columns.map(({ name }) => name)));
    return {
      from: word.from,
      options: [...columns].map((label) => ({ label, type: 'property', boost: 50 })),
    };
  };
}

export class Editor {
  private readonly language = new Compartment();
  readonly view: EditorView;

  constructor(place: HTMLElement, text: string, run: () => void) {
    this.view = new EditorView({
      parent: place,
      doc: text,
      extensions: [
        Prec.highest(keymap.of([{ key: 'Mod-Enter', run: () => (run(), true) }])),
        basicSetup,
        // Colours are the style sheet's, light and dark.
        syntaxHighlighting(classHighlighter),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': 'SQL' }),
        this.language.of(sql({ dialect: DuckDB })),
        EditorState.tabSize.of(2),
      ],
    });
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  set text(value: string) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: value } });
  }

  insert(text: string): void {
    this.view.dispatch(this.view.state.replaceSelection(text));
    this.view.focus();
  }

  /** Completes names of these tables and their columns. */
  know(tables: readonly TableInfo[]): void {
    const schema = Object.fromEntries(
      tables.map(({ name, columns }) => [name, columns.map((one) => one.name)]),
    );
    const language = sql({ dialect: DuckDB, schema });
    const columns = language.language.data.of({ autocomplete: columnsOf(tables) });
    this.view.dispatch({ effects: this.language.reconfigure([language, columns]) });
  }

  closeCompletion(): void {
    closeCompletion(this.view);
  }

  /** Marks the word at the position, or nothing. */
  mark(position: number | undefined, message: string): void {
    const { doc } = this.view.state;
    const marks: Diagnostic[] = [];
    if (position !== undefined && position >= 0 && position <= doc.length) {
      const word = /^\w+/.exec(doc.sliceString(position, position + 200))?.[0] ?? ' ';
      const to = Math.min(position + word.length, doc.length);
      marks.push({ from: Math.min(position, to), to, severity: 'error', message });
    }
    this.view.dispatch(setDiagnostics(this.view.state, marks));
  }
}
