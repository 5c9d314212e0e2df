import adapter from '@sveltejs/adapter-static';

// One page for every route, nothing rendered at build time: the data is the reader's newest snapshot, not the build's.
/** @type {import('@sveltejs/kit').Config} */
export default {
  kit: { adapter: adapter({ fallback: 'index.html', strict: false }) },
};
