// The panel is written with the page, so a choice that is made without a reload needs one.
const state = () => {
  const { status, granted } = document.getElementById("consentgate").dataset;
  return `${status} ${granted}`;
};
const written = state();
const watched = { subtree: true, attributeFilter: ["data-status", "data-granted"] };
new MutationObserver(() => state() !== written && location.reload()).observe(document.body, watched);
