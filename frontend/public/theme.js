// Sets the theme and the language before the first paint: a file of its own, since the CSP allows no inline script.
(function () {
  var query = new URLSearchParams(location.search);
  var root = document.documentElement;
  function stored(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  }
  function oneOf(values, candidates, fallback) {
    for (var i = 0; i < candidates.length; i += 1) if (values.includes(candidates[i])) return candidates[i];
    return fallback;
  }
  var system = matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
  var spoken = navigator.language.toLowerCase().startsWith('ko') ? 'ko' : 'en';
  root.dataset.theme = oneOf(['dark', 'light'], [query.get('theme'), stored('theme')], system);
  root.lang = oneOf(['en', 'ko'], [query.get('lang'), stored('lang')], spoken);
})();
