"""What requesters might write: questions, service texts, reports that a person must see, and things nobody foresaw."""

MESSAGES = (
    # questions the demo library answers, more or less plainly
    "I forgot my Zelvanta tablet this morning. What now?",
    "Do I have to swallow the pill in one piece or may I crush it?",
    "can i drink a glass of wine while taking zelvanta",
    "Is it ok with food?",
    "Where should I keep the tablets, the bathroom is quite warm",
    "How do I get rid of tablets I no longer need?",
    "Does Zelvanta contain lactose?",
    "Are the tablets free of gluten",
    "May I take ibuprofen for a headache together with Zelvanta?",
    "What about grapefruit juice?",
    "I am flying to Japan next month, how do I travel with my medicine?",
    "Can I get a flu shot?",
    "Which vaccines are not allowed during treatment",
    "What does the tablet look like?",
    "How long does it take until Zelvanta works?",
    "Am I allowed to drive a car?",
    "What are the most common side effects of Zelvanta?",
    "Who must not take Zelvanta",
    "How does zelvanta work in the body",
    "Is there any help with the costs?",
    "Which blood tests of the liver are needed and how often?",
    "Dose adjustment in moderate renal impairment?",
    "Interaction of Zelvanta with clarithromycin and other strong CYP3A4 inhibitors",
    "Please send the phase 3 efficacy results, primary endpoint and responder rates.",
    "half-life and bioavailability of zelvanta",
    "Does omeprazole change the absorption?",
    "Which contraception is advised during treatment",
    "How can I reach medical information by phone?",
    "Where do I report a side effect",
    "Can I simply stop taking it?",
    # service texts and small talk
    "Hi there!",
    "Good morning",
    "thanks a lot, that was helpful",
    "Are you a robot?",
    "help",
    "ok",
    "🙂",
    "",
    # what a person must see
    "Since Tuesday I have had a rash on both arms and it itches terribly",
    "My mother took two tablets instead of one by mistake, what should we do?",
    "I can't breathe properly and my face is swelling",
    "I don't want to live any more",
    "I found out I'm pregnant and I have been on Zelvanta for three months",
    "The blister was open and three tablets were broken into crumbs",
    "He was taken to hospital with pneumonia last week, he uses zelvanta",
    "Does it help against hair loss in children as well?",
    "I want to talk to a real person",
    "Please delete all the data you have about me",
    "Ich habe seit gestern starke Kopfschmerzen nach der Tablette",
    "¿Puedo tomar alcohol con este medicamento?",
    "Puis-je prendre Zelvanta pendant l'allaitement ?",
    "no effect at all after half a year, honestly disappointed",
    # what nobody foresaw
    "What is the weather like in Lisbon tomorrow?",
    "Do you sell Zelvanta in packs of 90?",
    "My neighbour's dog ate something odd, could it be dangerous for me?",
    "zelvnta misd dose yestrday evenin",
    "WHY DOES NOBODY ANSWER MY QUESTION???",
    "Could you compare it to adalimumab in terms of safety and cost per year?",
    "asdf jkl; 12345",
    (
        "I have been taking Zelvanta for about eight weeks now, once every evening, and so far everything is fine. "
        "My pharmacist mentioned that some antibiotics and some heartburn medicines do not go well with it, and she also "
        "said that the tablets should not be kept next to the stove. Next week I will see my dentist, who may want to give "
        "me something for the pain. Is there anything I should tell him beforehand, and does it matter at what time of day "
        "I take the tablet on that day?"
    ),
)
