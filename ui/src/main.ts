import "./app.css";

// One frame with the ground and the sign first: reading and running the page takes longer than drawing that.
requestAnimationFrame(() => setTimeout(() => void import("./start")));
