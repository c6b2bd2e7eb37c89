// Sets the formulas that pymdownx.arithmatex marked; without KaTeX (no network) their source stays readable.
document.addEventListener("DOMContentLoaded", () => {
  if (!window.renderMathInElement) return;
  for (const element of document.querySelectorAll(".arithmatex")) {
    renderMathInElement(element, {
      delimiters: [
        { left: "\\[", right: "\\]", display: true },
        { left: "\\(", right: "\\)", display: false },
      ],
    });
  }
});
