/* kgnb's panel, built from kgnb/web/src by build.mjs. BSD-3-Clause. */
(() => {
var a={},c={init(t){a=t},async get(t){let o=[];try{let{makeModule:e}=await import("./modules-SKV7CL7Y.js");o=await e(t,a)}catch(e){console.warn("kgnb: left out of this application:",e)}let r={__esModule:!0,default:o};return()=>r}},n=window;n._JUPYTERLAB??={};n._JUPYTERLAB.kgnb=c;
})();
