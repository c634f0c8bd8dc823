/**
 * The looks. Every text has a contrast of 4.5:1 or more to what is behind it,
 * in both schemes: a test measures that. The line height of `.rows` is the
 * height of a row of the grid. Where it is narrow, the columns of the time line
 * have widths of their own: eight digits for the time, whose fractions are cut
 * off, and the longest usual word for the others. Nothing is broken within a word.
 */
export const CSS = `
:host{all:initial;display:contents}
:host([hidden]),[hidden]{display:none!important}
*{box-sizing:border-box;margin:0;padding:0;font:inherit;color:inherit}
.dock{--back:#fff;--soft:#f4f5f7;--line:#d5d9de;--text:#1f2429;--dim:#57606a;--good:#1a6b37;--wait:#7d4e00;--bad:#b3261e;--link:#0b57a4;
color-scheme:light;direction:ltr;color:var(--text);font:13px/1.45 system-ui,sans-serif}
@media (prefers-color-scheme:dark){.dock{--back:#171a1e;--soft:#20242a;--line:#3a4149;--text:#e4e7ea;--dim:#a3acb5;--good:#7fce96;--wait:#e6b25c;--bad:#ff9d92;--link:#86baff;color-scheme:dark}}
.bottom-right,.bottom-left{position:fixed;bottom:var(--syncline-devtools-inset,12px);right:12px;z-index:2147483000;width:680px;max-width:calc(100vw - 24px);pointer-events:none;text-align:right}
.bottom-left{left:12px;right:auto;text-align:left}
.panel{display:flex;flex-direction:column;height:var(--syncline-devtools-height,480px);max-height:calc(100vh - 12px - var(--syncline-devtools-inset,12px));overflow:hidden;container-type:inline-size;text-align:left;
background:var(--back);border:1px solid var(--line);border-radius:8px;box-shadow:0 4px 20px #0003}
.panel,.launch{pointer-events:auto}
header,.line{display:flex;align-items:center;gap:4px 10px}
.line{flex-wrap:wrap}
.data+.line{margin-top:6px}
header{padding:6px 8px 6px 12px;background:var(--soft)}
strong,h2,dt,th,code{font-weight:600}
h2{margin:14px 0 4px}
.pill{flex:1;min-width:0;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.pill:before{content:"";display:inline-block;width:8px;height:8px;margin-right:6px;border-radius:4px;background:currentColor}
[data-is]{color:var(--wait)}
[data-is=live],[data-is=confirmed],[data-is=disk],[data-is=applied]{color:var(--good)}
[data-is=rejected],[data-is=stopped],[data-is=unauthorized],[data-is=full],[data-is=lost]{color:var(--bad)}
[data-is=commit]{color:inherit}
[data-is=paused],[data-is=offline],.dim,.note,dt,th,[aria-disabled]{color:var(--dim)}
button,select,input{min-height:26px;padding:1px 9px;border:1px solid var(--line);border-radius:5px;background:var(--back)}
button{cursor:pointer}
button:hover{border-color:var(--dim)}
:focus-visible{outline:2px solid var(--link);outline-offset:-2px}
[role=switch]:after{content:"";display:inline-block;width:28px;height:16px;margin-left:8px;border-radius:8px;vertical-align:-4px;background:radial-gradient(circle at 8px,var(--back) 5px,var(--dim) 6px)}
[aria-checked=true]:after{background:radial-gradient(circle at 20px,var(--back) 5px,var(--good) 6px)}
[role=tablist]{display:flex;flex-wrap:wrap;padding:0 6px;background:var(--soft);border-bottom:1px solid var(--line)}
[role=tab]{border:0;border-bottom:2px solid transparent;border-radius:0;padding:2px 7px;background:none;color:var(--dim)}
[role=tab][aria-selected=true]{color:var(--text);border-color:var(--link)}
[role=tabpanel]{flex:1;min-height:0;overflow:auto;padding:10px 12px}
[role=status]{min-height:22px;padding:2px 12px;border-top:1px solid var(--line);background:var(--soft);color:var(--dim);font-size:12px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
dl{display:grid;grid-template-columns:auto 1fr;gap:3px 14px}
dd,p,li,.line>*{min-width:0;overflow-wrap:anywhere}
ul{list-style:none}
li+li{margin-top:8px;padding-top:8px;border-top:1px solid var(--line)}
.data li{margin:0;padding:0;border:0}
.dim+button{margin-left:auto}
code,pre,td,.data,.row{font-family:ui-monospace,monospace;font-size:12px;unicode-bidi:isolate}
table{width:100%;border-spacing:0}
th,td{padding:1px 10px 1px 0;text-align:left;vertical-align:top;white-space:nowrap}
td:last-child{white-space:normal;overflow-wrap:anywhere}
.entries{display:flex;flex-direction:column;gap:8px;height:100%}
input{flex:1 1 120px}
::placeholder{color:var(--dim)}
select{max-width:45%}
[role=grid]{flex:1;min-height:96px;overflow:auto;border:1px solid var(--line);border-radius:5px}
.top{position:sticky;top:0;z-index:1;line-height:24px;background:var(--soft);color:var(--dim)}
.sizer{position:relative;contain:strict}
.rows{line-height:22px}
.row{display:grid;grid-template-columns:minmax(80px,20%) 52px 68px 1fr;gap:0 10px;padding:0 8px;cursor:default}
.row>*{overflow:hidden;white-space:nowrap;text-overflow:ellipsis}
.row:hover,.row[aria-selected=true]{background:var(--soft)}
.active{box-shadow:inset 2px 0 var(--link)}
pre{max-height:40%;overflow:auto;padding:6px 8px;border:1px solid var(--line);border-radius:5px;background:var(--soft);white-space:pre-wrap;overflow-wrap:anywhere}
@container (max-width:480px){
strong{display:none}
[role=tab]{padding:2px 5px;font-size:12px}
table{table-layout:fixed}
th,td{padding-right:6px;font:11px/1.45 ui-monospace,monospace;overflow:hidden;text-overflow:ellipsis}
td:nth-child(2),td:nth-child(4){white-space:normal}
td:last-child{white-space:nowrap}
th:first-child{width:calc(8ch + 6px)}
th:nth-child(3),th:nth-child(4){width:calc(7ch + 7px)}
th:nth-child(2){width:calc(9ch + 7px)}
th:last-child,td:last-child{padding-right:0}
td:first-child{padding:1px 0;border-right:6px solid transparent;text-overflow:clip}
.rows{line-height:40px}
.rows .row{height:40px;line-height:20px}
.row{grid-template-columns:1fr 52px 68px}
.row>:nth-child(4){grid-column:1/-1;color:var(--dim)}
.top .row>:nth-child(4){display:none}
}
`;
