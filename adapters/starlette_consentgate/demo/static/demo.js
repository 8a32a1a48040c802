// The panel is written with the page, so a choice that is made without a reload needs one.
document.addEventListener("consentgate:change", () => location.reload());
