// The browser's half of the explorer in Jupyter: the page of a network, in the output of a cell.

function render({ model, el }) {
  el.dataset.lmSuppressShortcuts = "true"; // Jupyter's own keys would answer, too
  return explore(el, openNetwork(model.get("network")));
}

export default { render };
