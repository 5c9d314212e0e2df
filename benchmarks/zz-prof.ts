import { mkdtempSync, writeFileSync, readFileSync, readdirSync } from 'node:fs';
import * as http from 'node:http';
import { flightTables, ObjectStore, publish } from '@stack/snapshot/testing';
import { execa } from 'execa';
const TOKEN='a-token-for-the-benchmark', PORT=21999;
function post(body: object, agent: http.Agent): Promise<number> { return new Promise((res, rej) => { const r = http.request(`http://127.0.0.1:${PORT}${process.env.P??"/v1/query"}`, {method:process.env.M??'POST',agent,headers:{'content-type':'application/json',authorization:`Bearer ${TOKEN}`}}, (a)=>{let n=0;a.on('data',(b)=>n+=b.length);a.on('end',()=>a.statusCode===200?res(n):rej(new Error(String(a.statusCode))))}); r.on('error',rej).end(JSON.stringify(body)); }); }
async function main() {
  const store = await ObjectStore.start(); const dir = mkdtempSync('/tmp/sp/prof-');
  const { id } = await publish(store, flightTables(1_000_000));
  const child = execa(process.execPath, [...(process.env.PROF?['--cpu-prof','--cpu-prof-dir','/tmp/sp/cpu']:[]), '/work/main/dist/apps/duckdb-http/main.cjs'], { env: {...store.environment, SNAPSHOT_DIR: dir, API_TOKEN: TOKEN, PORT: String(PORT)}, reject: false, stdout:'ignore', stderr:'inherit' });
  for(;;){ const t=await fetch(`http://127.0.0.1:${PORT}/health`).then(a=>a.text(),()=>''); if(t.includes(id)) break; await new Promise(r=>setTimeout(r,100)); }
  const mode=process.argv[2];
  for (const clients of (process.env.CL??"1,8").split(",").map(Number)) {
    const agent=new http.Agent({keepAlive:true,maxSockets:clients}); let count=0; const end=performance.now()+4000;
    const body = mode==='health'?()=>({}):mode==='select1'?()=>({sql:'SELECT ?::INTEGER AS one',params:[1]}):mode==='lookup'?()=>({sql:'SELECT * FROM fct_flights WHERE flight_id = ?',params:[String(Math.floor(Math.random()*1e6))]}):()=>({sql:`SELECT * FROM fct_flights LIMIT ${process.argv[4]??10000}`,format:mode});
    if(mode!=='select1'&&mode!=='lookup'&&mode!=='health'&&clients>1) break;
    const times:number[]=[];
    await Promise.all(Array.from({length:clients},async()=>{while(performance.now()<end){const t=performance.now(); const n=await post(body(),agent); times.push(performance.now()-t); count++;}}));
    times.sort((a,b)=>a-b); console.log(mode,clients,(count/4).toFixed(0)+'/s','p50',times[times.length>>1].toFixed(2),'min',times[0].toFixed(2)); agent.destroy();
  }
  child.kill('SIGINT'); await child; await store.stop(); process.exit();
}
void main();
