// A socket that comes back: after each loss it waits longer, up to 5 s, and never exactly as long as the others.
window.ledger = window.ledger || {};

ledger.connect = function (path, onMessage, onState) {
  const address = (location.protocol === "https:" ? "wss://" : "ws://") + location.host + path;
  let wait = 250;
  function open() {
    const socket = new WebSocket(address);
    socket.onopen = () => {
      wait = 250;
      onState("connected");
    };
    socket.onmessage = (event) => onMessage(JSON.parse(event.data));
    socket.onclose = () => {
      onState("reconnecting");
      setTimeout(open, wait * (0.5 + Math.random()));
      wait = Math.min(wait * 2, 5000);
    };
  }
  open();
};
