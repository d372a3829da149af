/**
 * The launcher's and the panel's styles, as one constructed sheet in the shadow root: the host's CSS cannot reach in,
 * ours cannot leak out, and a host without `style-src 'unsafe-inline'` allows it.
 *
 * - `!important` on :host: inside a shadow tree such rules win over the host page's important ones.
 * - The focus ring is two-toned and the panel's edge is translucent grey: both show on a page of any colour.
 * - The panel stands above the launcher where there is room, and covers it on a low screen.
 * - The icon, a speech bubble, is a border: no element, no image that the host's `img-src` would have to allow.
 * - Lines end in a backslash, so that no line break is sent.
 */
export const STYLES = `:host{all:initial!important;position:fixed!important;z-index:2147483647!important}\
[hidden],b:empty{display:none}\
button,div{box-shadow:0 0 0 1px #8884,0 4px 16px #0004;position:fixed;right:16px;bottom:16px;border-radius:24px;border:0}\
button{align-items:center;gap:8px;font:500 16px/24px system-ui;padding:12px 16px;cursor:pointer;display:flex;background:#2f55d4}\
button:before{content:'';width:16px;border-radius:8px 8px 8px 0;height:14px;border:2px solid}\
:focus-visible{box-shadow:0 0 0 4px #000;outline:2px solid #fff}\
b{background:#c00;padding:0 8px;font-size:12px;border-radius:16px;color:#fff}\
div{width:380px;border-radius:16px;color-scheme:light dark;transition:opacity .16s;background:Canvas;height:min(680px,100dvh - 32px);bottom:clamp(16px,100dvh - 696px,80px)}\
[hidden]~div{bottom:16px}\
.left,.left~div{right:auto;left:16px}\
iframe{width:100%;border-radius:inherit;height:100%;border:0}\
@media(prefers-reduced-motion:no-preference){@starting-style{div{opacity:0}}}\
@media(width<480px){div{inset:0!important;width:auto;height:auto;border-radius:0;padding:env(safe-area-inset-top)0 env(safe-area-inset-bottom)}}`;
