"""What the shop says, in its two languages."""

from typing import Final

WORDS: Final = {
    "en": {
        "shop": "The Tea Shop",
        "home": "Tea, and what goes with it",
        "product": "The teapot",
        "pitch": "One teapot, hand-thrown, for four cups. It pours without dripping.",
        "details": "Stoneware, 1.1 litres, dishwasher safe, 39 €.",
        "see": "See the teapot",
        "back": "Back to the shop",
        "buy": "Add to basket",
        "basket": "Basket",
        "hello": "Signed in as",
        "name": "Your name",
        "login": "Sign in",
        "logout": "Sign out",
        "cookies": "Cookie settings",
    },
    "fr": {
        "shop": "La boutique de thé",
        "home": "Le thé, et ce qui va avec",
        "product": "La théière",
        "pitch": "Une théière tournée à la main, pour quatre tasses. Elle verse sans goutter.",
        "details": "Grès, 1,1 litre, passe au lave-vaisselle, 39 €.",
        "see": "Voir la théière",
        "back": "Retour à la boutique",
        "buy": "Ajouter au panier",
        "basket": "Panier",
        "hello": "Connexion :",
        "name": "Votre nom",
        "login": "Se connecter",
        "logout": "Se déconnecter",
        "cookies": "Gestion des cookies",
    },
}
