#pragma once

namespace mica::tools {

// CSS of the report, beside that of the charts.
inline constexpr char report_css[] = R"(:root{color-scheme:light dark;--paper:#fff;--page:#f4f5f6;--ink:#1c1f23;--soft:#5c636b;--line:#e1e4e7;--ok:42 120 214;--bad:224 96 43;--note:#fff4dc}
@media (prefers-color-scheme:dark){:root{--paper:#16191d;--page:#0e1013;--ink:#e9ebed;--soft:#a3abb3;--line:#2b3036;--ok:74 144 230;--bad:232 112 62;--note:#3a2f14}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
main{max-width:1160px;margin:0 auto;padding:32px 20px 48px}
h1{font-size:28px;line-height:1.2;margin:0;overflow-wrap:anywhere;text-wrap:balance}
h2{font-size:18px;margin:0 0 4px}
p{margin:0}
.soft{color:var(--soft)}
header{margin-bottom:22px}
section{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:20px 22px;margin-top:16px;min-width:0}
.note{background:var(--note);border-radius:8px;padding:10px 14px;margin-top:14px}
.tiles{display:grid;grid-template-columns:minmax(280px,1.5fr) repeat(auto-fit,minmax(130px,1fr));gap:18px 26px;align-items:end;align-items:last baseline}
.tiles b{display:block;font-size:21px;line-height:1.25;font-weight:600;white-space:nowrap}
.tiles .main b{font-size:44px;line-height:1.1;letter-spacing:-.02em}
.tiles span{color:var(--soft);font-size:13px;display:block;white-space:nowrap}
.curves{display:grid;grid-template-columns:repeat(auto-fit,minmax(270px,1fr));gap:26px 34px}
.curves svg{display:block;width:100%;max-width:480px;height:auto;overflow:visible}
.pair{display:grid;grid-template-columns:minmax(0,1.25fr) minmax(0,1fr);column-gap:16px}
.scroll{overflow-x:auto;margin-top:12px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:14px}
th{font-weight:500;color:var(--soft);text-align:right}
td{text-align:right;white-space:nowrap}
.list .text{text-align:left}
th[scope=row]{text-align:left;color:var(--ink);white-space:nowrap}
.list{width:100%}
.list th,.list td{padding:5px 0 5px 12px;border-bottom:1px solid var(--line)}
.list th:first-child{padding-left:0;text-align:left}
.list tr:last-child th,.list tr:last-child td{border-bottom:0}
.matrix{border-collapse:separate;border-spacing:2px;width:100%}
.matrix thead td{background:none}
.matrix td{min-width:34px;height:34px;padding:0 5px;text-align:center;border-radius:4px;background:color-mix(in srgb,var(--ink) 3.5%,transparent)}
.matrix th{padding:0 8px 0 0}
.matrix thead th{text-align:center;padding:4px 2px;color:var(--ink);white-space:nowrap}
.matrix .tall{vertical-align:bottom}
.matrix .tall span{writing-mode:vertical-rl;transform:rotate(180deg);display:inline-block}
.matrix .none{color:var(--soft);opacity:.55}
.matrix .ok{background:rgb(var(--ok)/var(--t))}
.matrix .bad{background:rgb(var(--bad)/var(--t))}
.key{display:flex;flex-wrap:wrap;gap:6px 20px;margin-top:12px;font-size:13px;color:var(--soft)}
.key i{display:inline-block;width:54px;height:10px;border-radius:3px;margin-right:7px}
.key .ok{background:linear-gradient(90deg,rgb(var(--ok)/.08),rgb(var(--ok)/.58))}
.key .bad{background:linear-gradient(90deg,rgb(var(--bad)/.08),rgb(var(--bad)/.88))}
.mistakes{display:grid;grid-template-columns:repeat(auto-fill,minmax(126px,1fr));gap:18px 14px;margin-top:14px}
figure{margin:0;font-size:13px;line-height:1.45}
figure div{height:112px;display:flex;align-items:end;margin-bottom:7px}
figure img{display:block;image-rendering:pixelated;border-radius:4px;outline:1px solid var(--line);max-width:112px;max-height:112px}
figcaption b{font-weight:600}
figcaption span{display:block;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.facts{display:grid;grid-template-columns:minmax(0,2fr) minmax(0,1fr);gap:22px 44px}
dl{margin:8px 0 0;font-size:14px}
.facts .first dl{columns:2 240px;column-gap:44px}
dl div{display:grid;grid-template-columns:125px minmax(0,1fr);gap:12px;padding:2px 0;break-inside:avoid}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.facts h2+dl+h2{margin-top:20px}
pre{margin:10px 0 0;font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
@media (max-width:860px){.pair,.facts{grid-template-columns:minmax(0,1fr)}}
@media (max-width:1100px){.tiles{grid-template-columns:repeat(auto-fit,minmax(130px,1fr))}.tiles .main{grid-column:1/-1}}
@media (max-width:560px){main{padding:22px 12px 36px}section{padding:16px 14px}h1{font-size:23px}.tiles{grid-template-columns:1fr 1fr}.list{font-size:13px}.list th,.list td{padding-left:8px}}
@media print{body{background:none}section{break-inside:avoid}}
)";

}  // namespace mica::tools
