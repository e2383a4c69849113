// The largest text that fits on each slide beside figures of a sensible height.
function isSmall(image) {
  const ratio = image.naturalHeight / image.naturalWidth;
  const shown = Math.min(image.clientHeight, image.clientWidth * ratio);
  return shown < Math.min(320, image.naturalHeight, 1168 * ratio) - 1;
}
function fits(slide) {
  const flat = [...slide.querySelectorAll("img")].some(isSmall);
  const wide = [...slide.querySelectorAll("pre")].some(pre => pre.scrollWidth > pre.clientWidth);
  return !flat && !wide && slide.scrollHeight <= 720;
}
window.addEventListener("load", () => {
  const reveal = document.querySelector(".reveal");
  reveal.classList.add("fit");
  for (const slide of reveal.querySelectorAll("section section")) {
    for (let trial = 0; trial === 0 || (trial < 60 && !fits(slide)); trial += 1) {
      slide.style.fontSize = 28 - 0.5 * Math.floor(trial / 2) + "px";
      slide.classList.toggle("beside", trial % 2 === 1);  // the output to the right of its code
    }
  }
  reveal.classList.remove("fit");
  Reveal.initialize({width: 1280, height: 720, margin: 0, center: false, display: "flex",
    hash: true, slideNumber: "c/t", transition: "none", plugins: [RevealNotes]});
});
